"""`FastAPIProvider`: the workflows of a FastAgency backend, for a user interface in another process."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import httpx
from fastagency_shared.answer import Answer
from fastagency_shared.errors import Conflict, InvalidRequest, UnknownRun, UnknownWorkflow
from fastagency_shared.fault import describe
from fastagency_shared.messages import LoggedMessage, TransientMessage, new_uuid
from fastagency_shared.provider import ANYBODY, Caller, Token
from fastagency_shared.run import InitiateReply, InitiateRequest, MessagePage, RunInfo, WorkflowInfo
from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from fastagency_frontend.client import errors
from fastagency_frontend.client.backoff import Patience
from fastagency_frontend.client.endpoint import DISCOVERY_PATH, INITIATE_WORKFLOW_PATH, WS_PATH, Endpoint, RoutePaths
from fastagency_frontend.client.follow import Watch, follow
from fastagency_frontend.client.http import Http, Request
from fastagency_frontend.client.perprocess import PerProcess
from fastagency_frontend.client.reading import read_message
from fastagency_frontend.client.sessions import HttpSessions
from fastagency_frontend.client.socket import Address
from fastagency_frontend.client.v1 import V1Run, V1Runs

DEFAULT_TIMEOUT_S = 30.0


class _Page(BaseModel):
    """A `MessagePage` whose messages are read one by one, so that one of an unknown type spoils nothing."""

    run: RunInfo
    messages: list[dict[str, JsonValue]]
    more: bool = False


_WORKFLOWS = TypeAdapter(list[WorkflowInfo])
_INITIATED = TypeAdapter(InitiateReply)
_RUN = TypeAdapter(RunInfo)
_RUNS = TypeAdapter(list[RunInfo])
_PAGE = TypeAdapter(_Page)


class FastAPIProvider:
    """A `Provider` over HTTP and WebSocket. Blocking, thread-safe, and usable on both sides of a fork.

    Args:
        fastapi_url: the address of the backend, such as `http://localhost:8008`; may have a path prefix.
        initiate_workflow_path: as given to the backend's `FastAPIAdapter`, like the next two.
        discovery_path: see there.
        ws_path: see there.
        headers: sent with every request, such as the credentials of this frontend.
        token: a bearer token that says who asks, such as an API token; or what gives one, asked for each request.
        timeout: how many seconds the backend may take to answer one request.
        patience: how a lost connection is mended while a run is followed.
        transport: replaces the network, for tests: `httpx.MockTransport(handler)`.

    Raises:
        ValueError: `fastapi_url` is not an http or https address.
    """

    def __init__(
        self,
        fastapi_url: str,
        *,
        initiate_workflow_path: str = INITIATE_WORKFLOW_PATH,
        discovery_path: str = DISCOVERY_PATH,
        ws_path: str = WS_PATH,
        headers: Mapping[str, str] | None = None,
        token: str | Callable[[], str] | None = None,
        timeout: float = DEFAULT_TIMEOUT_S,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._endpoint = Endpoint.of(fastapi_url, RoutePaths(discovery_path, initiate_workflow_path, ws_path))
        self._http = Http(self._endpoint, headers=headers or {}, token=token, timeout_s=timeout, transport=transport)
        self._patience = patience or Patience()
        self._v1: PerProcess[V1Runs] = PerProcess(V1Runs)

    def __repr__(self) -> str:
        return f"FastAPIProvider({self._endpoint.url!r})"

    @property
    def names(self) -> list[str]:
        return [workflow.name for workflow in self.workflows()]

    def get_description(self, name: str) -> str:
        return self._workflow(name, ANYBODY).description

    def workflows(self, caller: Caller = ANYBODY) -> list[WorkflowInfo]:
        return self._http.ask(Request("GET", self._endpoint.discovery), _WORKFLOWS, caller)

    def start(
        self, name: str, params: Mapping[str, Any], *, run_id: str | None = None, caller: Caller = ANYBODY
    ) -> RunInfo:
        body = _initiate_request(name, params, run_id, caller)
        request = Request("POST", self._endpoint.initiate_workflow, body=body.model_dump(mode="json"))
        reply = self._http.ask(request, _INITIATED, caller)
        try:
            return self.run(reply.workflow_uuid, caller=caller)
        except errors.RouteMissing:
            # It took the request but knows nothing of runs: a backend of v1, which takes any name.
            self._workflow(name, caller)
            return self._v1.get().start(V1Run(body, self._address(caller), self._endpoint.url)).info()

    def runs(self, *, limit: int = 50, before: str | None = None, caller: Caller = ANYBODY) -> list[RunInfo]:
        query = {"limit": limit, "before": before}
        try:
            return self._http.ask(Request("GET", self._endpoint.runs, query), _RUNS, caller)
        except errors.RouteMissing:
            return self._v1.get().listed(limit, before, caller.user_id)

    def run(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        if (old := self._old(run_id, caller)) is not None:
            return old.info()
        return self._http.ask(Request("GET", self._of(run_id)), _RUN, caller)

    def messages(
        self,
        run_id: str,
        *,
        after: int = 0,
        limit: int = 200,
        before: int | None = None,
        epoch: int | None = None,
        caller: Caller = ANYBODY,
    ) -> MessagePage:
        if (old := self._old(run_id, caller)) is not None:
            return old.page(after, limit, before)
        query = {"after": after, "limit": limit, "before": before, "epoch": epoch}
        page = self._http.ask(Request("GET", self._of(run_id, "messages"), query), _PAGE, caller)
        try:
            messages = [read_message(message) for message in page.messages]
        except ValueError:
            raise errors.not_fastagency(self._endpoint.url) from None
        return MessagePage.model_construct(run=page.run, messages=messages, more=page.more)

    def follow(
        self, run_id: str, *, after: int = 0, beat_s: float = 5.0, epoch: int = 0, caller: Caller = ANYBODY
    ) -> Iterator[LoggedMessage | TransientMessage | None]:
        if (old := self._old(run_id, caller)) is not None:
            return old.follow(after, beat_s)
        return follow(
            Watch(
                run_id=_known(run_id),
                address=self._address(caller),
                shown_url=self._endpoint.url,
                user_id=caller.user_id,
                after=after,
                epoch=epoch,
                beat_s=beat_s,
                patience=self._patience,
            )
        )

    def answer(self, run_id: str, question: str, value: Answer, *, caller: Caller = ANYBODY) -> None:
        if (old := self._old(run_id, caller)) is not None:
            old.answer(question, value)
            return
        # Not repeated by itself: had the first attempt been recorded, the second would be told "already answered".
        body = {"question": question, "value": value}
        url = self._of(run_id, "answers")
        self._http.tell(Request("POST", url, body=body, repeatable=False), caller)

    def cancel(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        if (old := self._old(run_id, caller)) is not None:
            old.cancel()
            return old.info()
        return self._http.ask(Request("POST", self._of(run_id, "cancel")), _RUN, caller)

    def retry(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        if self._old(run_id, caller) is not None:
            raise Conflict("This backend cannot go on with a conversation that has failed. Please start it again.")
        return self._http.ask(Request("POST", self._of(run_id, "retry"), repeatable=False), _RUN, caller)

    def fork(self, run_id: str, before: str, *, caller: Caller = ANYBODY) -> RunInfo:
        if self._old(run_id, caller) is not None:
            raise Conflict("This backend cannot continue a conversation from the middle. Please start it again.")
        request = Request("POST", self._of(run_id, "fork"), body={"before": before}, repeatable=False)
        return self._http.ask(request, _RUN, caller)

    def rename(self, run_id: str, title: str, *, caller: Caller = ANYBODY) -> RunInfo:
        if (old := self._old(run_id, caller)) is not None:
            old.rename(title)
            return old.info()
        return self._http.ask(Request("PATCH", self._of(run_id), body={"title": title}), _RUN, caller)

    def delete(self, run_id: str, *, caller: Caller = ANYBODY) -> None:
        if (old := self._old(run_id, caller)) is not None:
            self._v1.get().forget(old)
            return
        self._http.tell(Request("DELETE", self._of(run_id), repeatable=False), caller)

    def sessions(self, token: Token) -> HttpSessions:
        """See `fastagency_shared.session.SessionSource`."""
        return HttpSessions(self._http, self._endpoint.sessions, Caller(token=token))

    def close(self) -> None:
        """Close idle connections. The provider can still be used."""
        self._http.close()

    def _workflow(self, name: str, caller: Caller) -> WorkflowInfo:
        workflows = self.workflows(caller)
        for workflow in workflows:
            if workflow.name == name:
                return workflow
        raise UnknownWorkflow.named(name, [workflow.name for workflow in workflows])

    def _old(self, run_id: str, caller: Caller) -> V1Run | None:
        """The run, if it is a conversation of this process with a backend of v1."""
        return self._v1.get().find(_known(run_id), caller.user_id)

    def _address(self, caller: Caller) -> Address:
        self._http.headers(caller)  # what cannot be passed on is said now, not at every attempt to connect
        return Address(self._endpoint.ws, lambda: self._http.headers(caller))

    def _of(self, run_id: str, what: str = "") -> str:
        """A route of one run."""
        return self._endpoint.run(_known(run_id), what)


def _known(run_id: str) -> str:
    """What cannot be an id is unknown, and must not become another route."""
    try:
        return UUID(run_id).hex
    except ValueError:
        raise UnknownRun("There is no such conversation, or it is not yours.") from None


def _initiate_request(name: str, params: Mapping[str, Any], run_id: str | None, caller: Caller) -> InitiateRequest:
    """With an id of our own in any case: it makes the request safe to repeat."""
    try:
        return InitiateRequest(
            workflow_name=name, workflow_uuid=run_id or new_uuid(), user_id=caller.user_id, params=dict(params)
        )
    except ValidationError as error:
        raise InvalidRequest(f"The workflow cannot be started: {describe(error)}.") from None
