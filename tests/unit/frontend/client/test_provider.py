"""`FastAPIProvider` over HTTP: what it asks, what it reads, and what every failure becomes."""

import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastagency_frontend.client import FastAPIProvider
from fastagency_shared import errors
from fastagency_shared.messages import SystemMessage, TextMessage
from fastagency_shared.provider import Caller, Provider
from fastagency_shared.run import RunInfo, RunStatus

NOW = datetime(2030, 1, 2, tzinfo=UTC)
RUN = RunInfo(
    workflow_uuid="a" * 32, name="chat", status=RunStatus.RUNNING, title="chat", created_at=NOW, updated_at=NOW
)
Handler = Callable[[httpx.Request], httpx.Response]


def provider_of(handler: Handler, **options: Any) -> FastAPIProvider:
    return FastAPIProvider("http://backend:8008", transport=httpx.MockTransport(handler), **options)


def replying(status: int, **body: Any) -> Handler:
    return lambda request: httpx.Response(status, **body)


def failing(error: Exception) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


class Recorder:
    """Answers every request with the same body and keeps the requests."""

    def __init__(self, body: Any, status: int = 200) -> None:
        self.requests: list[httpx.Request] = []
        self._body, self._status = body, status

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self._status, json=self._body)

    @property
    def last(self) -> httpx.Request:
        return self.requests[-1]


def test_it_is_a_provider() -> None:
    assert [name for name in vars(Provider) if not name.startswith("_") and not hasattr(FastAPIProvider, name)] == []


def test_names_and_descriptions_come_from_discovery() -> None:
    seen = Recorder([{"name": "chat", "description": "Talk."}, {"name": "team", "description": "Work."}])
    provider = provider_of(seen)
    assert provider.names == ["chat", "team"]
    assert provider.get_description("team") == "Work."
    assert (seen.last.method, str(seen.last.url)) == ("GET", "http://backend:8008/fastagency/discovery")


def test_an_unknown_workflow_is_told_which_there_are() -> None:
    provider = provider_of(replying(200, json=[{"name": "chat", "description": "Talk."}]))
    with pytest.raises(errors.UnknownWorkflow, match="There are: 'chat'"):
        provider.get_description("chess")


def test_starting_proposes_an_id_and_reads_the_run() -> None:
    asked: list[httpx.Request] = []

    def backend(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.method == "GET":
            return httpx.Response(200, text=RUN.model_dump_json())
        body = json.loads(request.content)
        return httpx.Response(200, json={"name": "chat", "workflow_uuid": body["workflow_uuid"], "params": {}})

    run = provider_of(backend).start("chat", {"name": "x", "user_id": 1}, run_id="a" * 32, caller=Caller("ann"))
    assert run == RUN
    assert json.loads(asked[0].content) == {
        "workflow_name": "chat",
        "workflow_uuid": "a" * 32,
        "user_id": "ann",
        "params": {"name": "x", "user_id": 1},
    }
    assert asked[1].url == f"http://backend:8008/fastagency/runs/{'a' * 32}"
    assert asked[1].headers["x-fastagency-user"] == "ann"


@pytest.mark.parametrize(("run_id", "params"), [("not-a-uuid", {}), (None, {"when": object()})])
def test_what_cannot_be_sent_is_refused_here(run_id: str | None, params: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidRequest, match="cannot be started"):
        provider_of(failing(AssertionError("asked"))).start("chat", params, run_id=run_id)


@pytest.mark.parametrize("run_id", ["", "..", "a/b", "abc"])
def test_what_cannot_be_an_id_is_an_unknown_run_and_never_another_route(run_id: str) -> None:
    provider = provider_of(failing(AssertionError("asked")))
    with pytest.raises(errors.UnknownRun):
        provider.run(run_id)
    with pytest.raises(errors.UnknownRun):
        provider.delete(run_id)


def test_paging_passes_the_cursors_on() -> None:
    seen = Recorder({"run": RUN.model_dump(mode="json"), "messages": [], "more": True})
    page = provider_of(seen).messages(RUN.workflow_uuid, after=3, limit=10, before=9, caller=Caller("ann"))
    assert page.more
    assert dict(seen.last.url.params) == {"after": "3", "limit": "10", "before": "9"}
    assert seen.last.headers["x-fastagency-user"] == "ann"


def test_a_message_of_an_unknown_type_is_shown_as_a_system_message() -> None:
    messages = [
        {"type": "text_message", "seq": 1, "content": {"body": "Hi"}},
        {"type": "hologram", "seq": 2, "sender": "ann", "content": {"depth": 3}},
    ]
    page = provider_of(replying(200, json={"run": RUN.model_dump(mode="json"), "messages": messages})).messages(
        RUN.workflow_uuid
    )
    text, unknown = page.messages
    assert isinstance(text, TextMessage)
    assert isinstance(unknown, SystemMessage)
    assert (unknown.seq, unknown.sender, unknown.message) == (2, "ann", {"type": "hologram", "depth": 3})


def test_answer_cancel_rename_and_delete_use_their_routes() -> None:
    seen = Recorder(RUN.model_dump(mode="json"))
    provider = provider_of(seen)
    provider.answer(RUN.workflow_uuid, "q1", ["a", "b"])
    assert json.loads(seen.last.content) == {"question": "q1", "value": ["a", "b"]}
    provider.cancel(RUN.workflow_uuid)
    provider.rename(RUN.workflow_uuid, "New")
    assert json.loads(seen.last.content) == {"title": "New"}
    provider.delete(RUN.workflow_uuid)
    assert [(request.method, request.url.path) for request in seen.requests] == [
        ("POST", "/fastagency/runs/" + RUN.workflow_uuid + "/answers"),
        ("POST", "/fastagency/runs/" + RUN.workflow_uuid + "/cancel"),
        ("PATCH", "/fastagency/runs/" + RUN.workflow_uuid),
        ("DELETE", "/fastagency/runs/" + RUN.workflow_uuid),
    ]


def test_credentials_of_the_caller_are_passed_on_and_those_of_the_connection_are_not() -> None:
    seen = Recorder([])
    caller = Caller(headers={"Authorization": "Bearer ann", "Host": "page", "Content-Length": "7", "X-Team": "blue"})
    provider_of(seen, headers={"authorization": "Bearer frontend", "x-app": "1"}).workflows(caller)
    sent = seen.last.headers
    assert (sent["authorization"], sent["x-team"], sent["x-app"]) == ("Bearer ann", "blue", "1")
    assert sent["host"] == "backend:8008"
    assert "content-length" not in sent


@pytest.mark.parametrize("value", ["s3cret\r\nx-user: root", "s3cret\u00e9", "s3cret\u20ac"])
def test_a_header_that_cannot_be_passed_on_is_refused(value: str) -> None:
    """With a line break it would smuggle another one in; what is not ASCII was an error of the page."""
    caller = Caller(headers={"authorization": value})
    with pytest.raises(errors.InvalidRequest, match="authorization") as refusal:
        provider_of(failing(AssertionError("asked"))).workflows(caller)
    assert "s3cret" not in str(refusal.value)


def test_no_credential_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider = FastAPIProvider("http://ann:s3cret@backend", transport=httpx.MockTransport(replying(500)))
    with pytest.raises(errors.BackendError):
        provider.workflows(Caller(headers={"authorization": "Bearer s3cret"}))
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(provider)


TRANSPORT_FAILURES = [
    (httpx.ConnectError("refused"), errors.BackendUnreachable, "cannot be reached. Start it"),
    (httpx.ConnectTimeout("slow"), errors.BackendTimeout, "did not answer in time"),
    (httpx.ReadTimeout("slow"), errors.BackendTimeout, "did not answer in time"),
    (httpx.PoolTimeout("busy"), errors.BackendTimeout, "did not answer in time"),
    (httpx.ReadError("reset"), errors.BackendUnreachable, "cut the connection"),
    (httpx.RemoteProtocolError("gone"), errors.BackendUnreachable, "cut the connection"),
    (httpx.ProxyError("no"), errors.BackendUnreachable, "proxy"),
    (httpx.DecodingError("zip"), errors.BackendIncompatible, "is not a FastAgency backend"),
    (httpx.TooManyRedirects("round"), errors.BackendIncompatible, "is not a FastAgency backend"),
]


@pytest.mark.parametrize(("failure", "kind", "said"), TRANSPORT_FAILURES)
def test_every_failure_of_the_connection_has_its_error(failure: Exception, kind: type, said: str) -> None:
    with pytest.raises(errors.BackendError, match=said) as raised:
        provider_of(failing(failure)).workflows()
    assert type(raised.value) is kind
    assert "http://backend:8008" in str(raised.value)


REPLIES = [
    ({"status_code": 200, "text": "<html>"}, errors.BackendIncompatible, "is not a FastAgency backend"),
    ({"status_code": 200, "json": {"hello": 1}}, errors.BackendIncompatible, "is not a FastAgency backend"),
    ({"status_code": 307, "headers": {"location": "/x"}}, errors.BackendIncompatible, "redirects elsewhere"),
    ({"status_code": 401}, errors.BackendRefused, "does not know who you are .HTTP 401"),
    ({"status_code": 401, "json": {"detail": "Expired."}}, errors.BackendRefused, "It says: Expired"),
    ({"status_code": 401, "json": {"code": "NotSignedIn", "detail": "Ended."}}, errors.SignedOut, "It says: Ended"),
    ({"status_code": 403, "json": {"detail": {"a": 1}}}, errors.BackendRefused, "does not allow this"),
    ({"status_code": 404, "json": {"detail": "Not Found"}}, errors.BackendIncompatible, "no route for this"),
    ({"status_code": 405, "text": "no"}, errors.BackendIncompatible, "has no route for this .HTTP 405"),
    ({"status_code": 413, "text": "big"}, errors.TooLarge, "too large"),
    ({"status_code": 418, "text": "tea"}, errors.BackendIncompatible, "is not a FastAgency backend"),
    ({"status_code": 429}, errors.BackendRefused, "too often"),
    ({"status_code": 500, "text": "Traceback: secret"}, errors.BackendError, "failed .HTTP 500.. Its log says why"),
    ({"status_code": 502}, errors.BackendUnreachable, "cannot be reached"),
    ({"status_code": 503}, errors.BackendUnreachable, "not ready"),
    ({"status_code": 504}, errors.BackendTimeout, "did not answer in time"),
    (
        {"status_code": 422, "json": {"detail": [{"loc": ["body", "params"], "msg": "Input should be an object"}]}},
        errors.InvalidRequest,
        "params: Input should be an object",
    ),
    ({"status_code": 422, "text": "?"}, errors.InvalidRequest, "not valid"),
]


@pytest.mark.parametrize(("reply", "kind", "said"), REPLIES)
def test_every_bad_reply_has_its_error(reply: dict[str, Any], kind: type, said: str) -> None:
    with pytest.raises(errors.FastAgencyError, match=said) as raised:
        provider_of(lambda request: httpx.Response(**reply)).workflows()
    assert isinstance(raised.value, kind)
    assert "secret" not in str(raised.value)


# To a client, that nobody is signed in says something about the backend's door: `SignedOut`, above.
@pytest.mark.parametrize("kind", [kind for kind in errors.REQUEST_ERRORS.values() if kind is not errors.NotSignedIn])
def test_a_problem_is_raised_again_as_what_it_was(kind: type[errors.RequestError]) -> None:
    problem = {"code": kind.__name__, "detail": "Say why."}
    with pytest.raises(errors.RequestError) as raised:
        provider_of(replying(kind.status, json=problem)).run(RUN.workflow_uuid)
    assert type(raised.value) is kind
    assert str(raised.value) == "Say why."


def test_a_problem_unknown_here_keeps_its_sentence() -> None:
    with pytest.raises(errors.RequestError, match=r"Quota used up\."):
        provider_of(replying(409, json={"code": "QuotaExceeded", "detail": "Quota used up."})).run(RUN.workflow_uuid)


def test_a_connection_cut_while_idle_is_not_noticed() -> None:
    calls: list[str] = []

    def flaky(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        if len(calls) == 1:
            raise httpx.RemoteProtocolError("closed")
        return httpx.Response(200, json=[])

    assert provider_of(flaky).workflows() == []
    assert len(calls) == 2


def test_an_answer_is_never_sent_twice_by_itself() -> None:
    calls: list[str] = []

    def flaky(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        raise httpx.RemoteProtocolError("closed")

    with pytest.raises(errors.BackendUnreachable):
        provider_of(flaky).answer(RUN.workflow_uuid, "q1", "yes")
    assert calls == ["POST"]


def test_a_closed_provider_can_still_be_used() -> None:
    provider = provider_of(replying(200, json=[]))
    provider.close()
    assert provider.workflows() == []
    provider.close()
    assert provider.workflows() == []


def test_a_forked_child_uses_connections_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[httpx.Client] = []
    original = httpx.Client.__init__

    def counting(self: httpx.Client, *args: Any, **options: Any) -> None:
        made.append(self)
        original(self, *args, **options)

    monkeypatch.setattr(httpx.Client, "__init__", counting)
    provider = provider_of(replying(200, json=[]))
    assert made == []
    provider.workflows()
    provider.workflows()
    assert len(made) == 1
    monkeypatch.setattr(os, "getpid", lambda: -1)
    provider.workflows()
    assert len(made) == 2
