"""What clients ask of runs: start, read, answer, stop, watch. In whichever process they ask it.

Nothing here drives a run, or knows how that is done.
"""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar

from fastagency_shared.answer import Answer
from fastagency_shared.errors import (
    AlreadyAnswered,
    Conflict,
    NotAllowed,
    QuestionExpired,
    StaleCursor,
    StoreUnavailable,
    TooLarge,
    UnknownQuestion,
    UnknownRun,
)
from fastagency_shared.messages import (
    Question,
    RunStatusChanged,
    WorkflowCancelled,
    WorkflowResumed,
    new_uuid,
    parse_message,
)
from fastagency_shared.run import InitiateRequest, RunStatus
from fastagency_shared.user import User

from fastagency_backend.engine.about import about
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.given import Given, given, one_line, status_after
from fastagency_backend.engine.limits import DEFAULT_LIMITS, Limits, excess, size_of
from fastagency_backend.engine.line import Lines
from fastagency_backend.engine.nul import ESCAPED, has_nul, refuse_nul
from fastagency_backend.engine.reader import Readers
from fastagency_backend.engine.spec import Offered, may_start, offered_to, spec_of
from fastagency_backend.engine.vault import OF_THIS_PROCESS, Vault
from fastagency_backend.store.base import (
    EVERYBODY,
    PAGE_BYTES,
    EventPage,
    Everybody,
    NewRun,
    RunRecord,
    Store,
    StoreError,
)

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

FORKABLE_KEY_VERSION = 2
"""Before, keys contained the run's id."""
UNAVAILABLE = "Nothing can be saved at the moment. What was said so far is kept; please try again in a little while."


def _refuses(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """What is done for a client: a failure of the store is a refusal, `StoreUnavailable`; its cause is for the log."""

    @functools.wraps(method)
    async def ask(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except StoreError as error:
            logger.exception("A client's request could not be carried out")
            raise StoreUnavailable(UNAVAILABLE) from error

    return ask


CreatesRuns = Callable[[NewRun], Awaitable[tuple[RunRecord, bool]]]
"""`Store.create_run`, or what does it and has the run driven."""


class DrivesRuns(Protocol):
    """Whoever drives runs in this process."""

    def wake(self, run_id: str) -> None:
        """Something that a run waits for has come, or may have: an answer, or that it is tried again."""
        ...

    def asked(self, run_id: str, user_id: str | None, question: str) -> Question | None:
        """A question that this user's run, in memory here, waits with; None: look in the store."""
        ...

    async def answer(self, run_id: str, given: Given) -> bool:
        """Record an answer to such a question and hand it to the run. False: it was closed by then.

        Raises:
            StoreError: nothing has happened.
        """
        ...

    def cut_off(self, run_id: str) -> None:
        """The run is about to be stopped: log what it is writing, as far as that has come."""
        ...

    def drop(self, run_id: str) -> None:
        """The run has been stopped: let it go."""
        ...


class RunService:
    """See the module's docstring. `workflows` may grow at any time. A run is visible to its owner only.

    Every method may raise `StoreUnavailable`.

    Without a `driver`, another process drives the runs; it learns of what is done here from the store. `refresh` looks
    for workflows that are new. `asked` is the driver's.
    """

    def __init__(
        self,
        store: Store,
        workflows: Mapping[str, Offered],
        feeds: Feeds,
        driver: DrivesRuns | None = None,
        lines: Lines | None = None,
        limits: Limits = DEFAULT_LIMITS,
        create: CreatesRuns | None = None,
        refresh: Callable[[], Awaitable[None]] | None = None,
        vault: Vault = OF_THIS_PROCESS,
    ) -> None:
        self.workflows = workflows
        self.reason = (lines or Lines(store, feeds)).reason
        self.asked = driver.asked if driver is not None else _nothing_is_asked_here
        self.readers = Readers(store, feeds, self.reason)
        self._store, self._feeds, self._driver = store, feeds, driver
        self._limits, self._refresh, self._vault = limits, refresh, vault
        self._create = create or store.create_run

    @_refuses
    async def create(self, request: InitiateRequest, user_id: str | None, *, user: User | None = None) -> RunRecord:
        """Create a run; the same request again gives the same run. `user` is what is known of who starts it.

        Raises:
            UnknownWorkflow, Conflict (the id is taken by another request), TooLarge (the params).
        """
        spec = await self._offered(request.workflow_name, user)
        params = json.dumps(request.params)
        refuse_nul("The user id", user_id)
        if ESCAPED in params:
            refuse_nul("A text in the params", request.params)
        limit = self._limits.max_params_bytes
        if len(params) > limit and (size := size_of(request.params)) > limit:
            raise TooLarge(excess("The JSON of the params", size, limit, "max_params_bytes"))
        title = one_line(spec.description) or spec.name
        new = NewRun(
            request.workflow_uuid,
            spec.name,
            params,
            user_id,
            title,
            spec.durable,
            time.time(),
            started_by=None if user is None or user == User(user.id) else user.to_json(),
        )
        record, created = await self._create(new)
        same = (record.workflow, json.loads(record.params), record.user_id) == (spec.name, request.params, user_id)
        if not created and not same:
            raise Conflict(
                f"The workflow_uuid {request.workflow_uuid} is already taken by another request. "
                "Leave it out to be given a new one."
            )
        return record

    async def _offered(self, name: str, user: User | None) -> Offered:
        """Raises `UnknownWorkflow`, in the same words for one that is there, and not for this user."""
        if name not in self.workflows and self._refresh is not None:
            await self._refresh()
        spec = self.workflows.get(name)
        return spec if spec is not None and may_start(spec, user) else spec_of(name, offered_to(user, self.workflows))

    @_refuses
    async def get(self, run_id: str, user_id: str | None) -> RunRecord:
        """Raises `UnknownRun` for a run that does not exist, and in the same words for somebody else's."""
        record = await self._store.get_run(run_id)
        return _owned(record, run_id, user_id)

    @_refuses
    async def find(self, run_id: str) -> RunRecord | None:
        """Anybody's run: for whoever may see all of them."""
        return await self._store.get_run(run_id)

    async def get_to_follow(self, run_id: str, user_id: str | None, *, after: int, epoch: int) -> RunRecord:
        """`get`, for whoever goes on from a cursor. Raises `StaleCursor` as well: the cursor is of another epoch."""
        record = await self.get(run_id, user_id)
        _check_cursor(record, after, epoch)
        return record

    @_refuses
    async def list_runs(
        self,
        user_id: str | Everybody | None,
        *,
        limit: int,
        before: str | None,
        statuses: Sequence[RunStatus] = (),
        workflow: str | None = None,
    ) -> list[RunRecord]:
        refuse_nul("The user id", None if user_id is EVERYBODY else user_id)
        refuse_nul("The workflow's name", workflow)
        return await self._store.list_runs(user_id, limit=limit, before=before, statuses=statuses, workflow=workflow)

    @_refuses
    async def count_at_work(self, user_id: str) -> int:
        """How many runs of a user are being driven and wait for nothing."""
        return await self._store.count_at_work(user_id)

    @_refuses
    async def read(
        self,
        run_id: str,
        user_id: str | None,
        *,
        after: int,
        limit: int,
        before: int | None = None,
        epoch: int | None = None,
        max_bytes: int = PAGE_BYTES,
    ) -> EventPage:
        """A page of the run's log. Without an `epoch`, a cursor in `after` is of epoch 0, and one in `before` of any.

        Raises:
            UnknownRun, StaleCursor (the cursor is of another epoch).
        """
        page = await self._store.read_events(run_id, after=after, limit=limit, before=before, max_bytes=max_bytes)
        run = _owned(page.run, run_id, user_id)
        if before is None:
            _check_cursor(run, after, epoch or 0)
        elif epoch is not None:
            _check_cursor(run, before, epoch)
        return page

    @_refuses
    async def answer(self, run_id: str, user_id: str | None, question: str, value: Answer) -> None:
        """Check an answer and record it; the first valid one wins.

        Raises:
            UnknownRun, UnknownQuestion, AlreadyAnswered, Conflict (the run has ended), InvalidRequest, TooLarge.
        """
        if await self._answer_here(run_id, user_id, question, value):
            return
        record = await self.get(run_id, user_id)
        answer = given(run_id, await self._open_question(record, question), value, self._limits, self._vault)
        answered = await self._store.answer_question(
            run_id, question, answer.value, answer.body, time.time(), answer.title
        )
        if self._driver is not None:
            self._driver.wake(run_id)
        if answered is None:
            raise await self._closed(run_id, question)
        self._feeds.push(run_id, answered.event)
        self._feeds.status(run_id, status_after(answered), answer.title)

    async def _answer_here(self, run_id: str, user_id: str | None, question: str, value: Answer) -> bool:
        """Answer without a look at the store, if the run waits in this process. False: the store knows what to say."""
        asked = self.asked(run_id, user_id, question)
        if asked is None:
            return False
        assert self._driver is not None, "it has been asked"
        return await self._driver.answer(run_id, given(run_id, asked, value, self._limits, self._vault))

    async def _open_question(self, record: RunRecord, uuid: str) -> Question:
        for body in record.questions:
            message = parse_message(body)
            if message.uuid == uuid:
                assert message.is_question
                return message  # type: ignore[return-value]
        if not has_nul(uuid) and await self._store.read_answer(record.id, uuid) is not None:
            raise await self._closed(record.id, uuid)
        if record.status.ended:
            raise Conflict("This conversation has ended; nothing can be answered any more.")
        raise UnknownQuestion("This conversation has no such question.")

    async def _closed(self, run_id: str, question: str) -> Conflict:
        """Why no answer to this question is taken any more."""
        if await self._store.has_expired(run_id, question):
            return QuestionExpired("The time to answer this question is over.")
        return AlreadyAnswered("This question has been answered already.")

    @_refuses
    async def cancel(self, run_id: str, user_id: str | None) -> RunRecord:
        """Stop a run at once, with the call that it is in; one that has ended stays as it is.

        What it was writing is in the log as far as it had come, if this process drives it.
        """
        record = await self.get(run_id, user_id)
        if self._driver is not None:
            self._driver.cut_off(run_id)
        message = WorkflowCancelled(
            workflow_uuid=run_id, sender="Workflow", recipient="User", reason="The workflow was stopped."
        )
        event = await self._store.cancel_run(run_id, message.model_dump_json(), time.time())
        if event is not None:
            self._feeds.push(run_id, event)
            self._feeds.go_stale(run_id)
            if self._driver is not None:
                self._driver.drop(run_id)
            logger.info("The run was stopped", extra=about(record))
        return await self.get(run_id, user_id)

    @_refuses
    async def retry(self, run_id: str, user_id: str | None, *, user: User | None = None) -> RunRecord:
        """Have a failed run go on from its recorded steps, with today's code. One that goes on already stays as it is.

        Raises:
            UnknownRun, UnknownWorkflow (it is not offered any more), NotAllowed (not to this user), Conflict (it has
            ended in another way, or its workflow cannot go on after an interruption).
        """
        record = await self.get(run_id, user_id)
        if not record.status.ended:
            return record
        if record.status is not RunStatus.FAILED:
            raise Conflict(
                f"Only a conversation that has failed can be tried again; this one is {record.status.value}. "
                "Start a new one."
            )
        self._check_role(record, user)
        await self._offered(record.workflow, user)
        if not record.durable:
            raise Conflict("This workflow cannot go on from where it failed. Please start it again.")
        message = WorkflowResumed(workflow_uuid=run_id, sender="Workflow", recipient="User", by=user_id)
        event = await self._store.retry_run(run_id, message.model_dump_json(), time.time())
        if event is not None:
            self._feeds.push(run_id, event)
            self._feeds.status(run_id, RunStatus.READY)
            if self._driver is not None:
                self._driver.wake(run_id)
            logger.info("The run is tried again", extra=about(record))
        return await self.get(run_id, user_id)

    @_refuses
    async def fork(self, run_id: str, user_id: str | None, before: str, *, user: User | None = None) -> RunRecord:
        """A new run of the same user with the log up to a question, which is open again; no call is made again.

        Raises:
            UnknownRun, UnknownQuestion, NotAllowed (its workflow is not for this user any more), Conflict (its workflow
            or its log cannot be replayed in another run).
        """
        record = await self.get(run_id, user_id)
        self._check_role(record, user)
        if not record.durable:
            raise Conflict("This workflow cannot go on from the middle. Please start it again.")
        if record.key_version < FORKABLE_KEY_VERSION:
            raise Conflict("This conversation was begun with an older version and cannot be continued in a second one.")
        forked = None if has_nul(before) else await self._store.fork_run(run_id, before, new_uuid(), time.time())
        if forked is None:
            raise UnknownQuestion("This conversation has no such question.")
        logger.info("The run was forked into %s", forked.id, extra=about(record))
        return forked

    def _check_role(self, record: RunRecord, user: User | None) -> None:
        """Raises `NotAllowed`: the roles have changed since the run was started."""
        spec = self.workflows.get(record.workflow)
        if spec is not None and not may_start(spec, user):
            raise NotAllowed(f"You may not start {record.workflow!r} any more, so this conversation cannot go on so.")

    @_refuses
    async def rename(self, run_id: str, user_id: str | None, title: str) -> RunRecord:
        refuse_nul("The title", title)
        await self.get(run_id, user_id)
        record = _owned(await self._store.rename_run(run_id, title, time.time()), run_id, user_id)
        renamed = RunStatusChanged(workflow_uuid=run_id, status=record.status, title=title, reason=self.reason(record))
        self._feeds.push(run_id, renamed)
        return record

    @_refuses
    async def delete(self, run_id: str, user_id: str | None) -> None:
        """Stop a run and remove all that is known of it."""
        await self.cancel(run_id, user_id)
        await self._store.delete_run(run_id)
        self._feeds.go_stale(run_id)


def _nothing_is_asked_here(_run_id: str, _user_id: str | None, _question: str) -> None:
    """Where no runs are driven."""


def _owned(record: RunRecord | None, run_id: str, user_id: str | None) -> RunRecord:
    if record is None or record.user_id != user_id:
        raise UnknownRun(f"There is no conversation {run_id}, or it is not yours.")
    return record


def _check_cursor(record: RunRecord, seq: int, epoch: int) -> None:
    """Nobody who has seen nothing yet has a cursor."""
    if seq > 0 and epoch != record.epoch:
        raise StaleCursor
