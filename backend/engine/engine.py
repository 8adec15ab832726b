"""Claims runs and drives them; answers what clients ask of runs, in whichever process they ask it.

The engine lives on one event loop. What it knows of a run that it does not drive, it reads from the store.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from backend.engine import tracking
from backend.engine.feed import Feeds, Item, Subscription
from backend.engine.run import Run, RunUnwound
from backend.store.base import EventPage, LeaseLost, NewRun, RunRecord, Store, StoredEvent, StoreError
from shared.answer import Answer, check_answer
from shared.errors import AlreadyAnswered, Conflict, InvalidRequest, UnknownQuestion, UnknownRun, UnknownWorkflow
from shared.messages import (
    InputAnswered,
    Message,
    Question,
    RunStatusChanged,
    TextInput,
    WorkflowCancelled,
    WorkflowCompleted,
    WorkflowFailed,
    WorkflowStarted,
    new_uuid,
    parse_message,
)
from shared.run import MAX_TITLE_CHARS, InitiateRequest, RunStatus

logger = logging.getLogger(__name__)

PAGE = 500
"""Events read from the store at a time."""
MAX_PARAMS_CHARS = 1_000_000
RETENTION_EVERY_S = 600.0
EVICT_TRIES = 20

NOT_DURABLE = "This workflow cannot go on after an interruption. What it said so far is above; please start it again."
FAILED_SHORT = "The workflow stopped because of an error."


@dataclass(frozen=True)
class WorkflowSpec:
    """A workflow as the engine sees it: `body` takes the run to its end and returns the result."""

    name: str
    description: str
    body: Callable[[Run], Awaitable[str | None]]
    durable: bool = True


@dataclass(frozen=True)
class EngineSettings:
    """`warm_s`: how long a waiting run stays in memory. `lease_s`: after how long a dead worker loses its runs.

    `retention_s`: ended runs older than this are removed; None keeps them. `max_live`: runs in memory at a time.
    """

    warm_s: float = 30.0
    lease_s: float = 3.0
    retention_s: float | None = None
    max_live: int = 5000


class Engine:
    """See the module's docstring. `workflows` may grow after the start."""

    def __init__(
        self, store: Store, workflows: Mapping[str, WorkflowSpec], settings: EngineSettings | None = None
    ) -> None:
        self.settings = settings or EngineSettings()
        self.workflows = workflows
        self.worker = new_uuid()
        self.feeds = Feeds()
        self.live: dict[str, Run] = {}
        self.stopping = asyncio.Event()
        self._store = store
        self._poke = asyncio.Event()
        self._foreign = asyncio.Event()
        self._chores: list[asyncio.Task[None]] = []
        self._drivers: set[asyncio.Task[None]] = set()
        self._drops: set[asyncio.Task[None]] = set()
        self._heads: dict[str, tuple[int, str]] = {}

    # --- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the store and go on with every run that waits for a worker. Raises `StoreError`."""
        tracking.install(asyncio.get_running_loop())
        await self._store.open(self._foreign.set)
        await self._store.register_worker(self.worker, self.settings.lease_s)
        chores = {"claim": self._claim, "look-around": self._look_around, "tidy": self._tidy}
        for name, chore in chores.items():
            task = asyncio.create_task(self._forever(chore), name=f"engine-{name}", context=contextvars.Context())
            self._chores.append(task)
        logger.info("The engine runs as worker %s", self.worker)

    async def stop(self) -> None:
        """Hand every run over within seconds: others go on with them, clients are told to come back."""
        self.stopping.set()
        self.feeds.go_stale()
        for task in self._chores:
            task.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        runs = list(self.live.values())
        for run in runs:
            try:
                await self._park(run, 0.0)
            except StoreError:
                logger.exception("A run could not be parked", extra={"run_id": run.id})
        for run in runs:
            self.evict(run)
        await asyncio.gather(*self._drops, return_exceptions=True)
        await self._store.release_worker(self.worker)
        await self._store.close()
        logger.info("The engine has stopped; %d runs were handed over", len(runs))

    async def _forever(self, chore: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await chore()
            except StoreError:
                logger.exception("The store failed; trying again")
                await asyncio.sleep(1)

    # --- chores ---------------------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        """Take over what is ready, whenever something may have become so."""
        self._poke.clear()
        room = self.settings.max_live - len(self.live)
        if room > 0:
            for record in await self._store.claim_runs(self.worker, list(self.workflows), limit=min(room, PAGE)):
                self._begin(record)
                self._poke.set()
        await _wait(self._poke, self.settings.lease_s / 2)

    async def _look_around(self) -> None:
        """Another process has committed: readers look, and runs that are not ours any more are dropped."""
        await self._foreign.wait()
        self._foreign.clear()
        self._poke.set()
        heads = await self._store.heads(self.feeds.watched)
        for run_id in self.feeds.watched:
            if run_id not in self._heads or self._heads[run_id] != heads.get(run_id):
                self.feeds.go_stale(run_id)
        self._heads = heads
        owned = await self._store.owned_runs(self.worker)
        for run in list(self.live.values()):
            if owned.get(run.id) != run.lease.fence:
                self.evict(run)
            else:
                run.wake()
        await asyncio.sleep(0.02)

    async def _tidy(self) -> None:
        """Park what only waits, and remove what is too old."""
        next_removal = 0.0
        while True:
            for run in list(self.live.values()):
                await self._park(run, self.settings.warm_s)
            if self.settings.retention_s is not None and time.monotonic() >= next_removal:
                removed = await self._store.delete_ended_before(time.time() - self.settings.retention_s, limit=PAGE)
                if removed:
                    logger.info("Removed %d runs that ended long ago", removed)
                next_removal = time.monotonic() + (0.0 if removed == PAGE else RETENTION_EVERY_S)
            await asyncio.sleep(min(1.0, max(0.05, self.settings.warm_s / 4)))

    async def _park(self, run: Run, warm_s: float) -> None:
        if run.parkable(warm_s) and await self._store.park_run(run.lease):
            logger.info("The run waits for a person and is parked", extra={"run_id": run.id})
            self.evict(run)

    # --- driving --------------------------------------------------------------------------------------------------

    def _begin(self, record: RunRecord) -> None:
        task = asyncio.create_task(self._drive(record), name=f"run-{record.id}", context=contextvars.Context())
        self._drivers.add(task)
        task.add_done_callback(self._drivers.discard)

    async def _drive(self, record: RunRecord) -> None:
        log = await self._store.load_log(record.id)
        run = Run(record, log, store=self._store, feeds=self.feeds, evict=self.evict)
        if (stale := self.live.get(run.id)) is not None:
            self.evict(stale)
        self.live[run.id] = run
        spec = self.workflows[record.workflow]
        self.feeds.push(run.id, RunStatusChanged(workflow_uuid=run.id, status=record.status))
        try:
            with run.entered():
                body = asyncio.create_task(self._go(run, spec, fresh=not log.event_keys), name=f"workflow-{run.id}")
            await body
        except (asyncio.CancelledError, RunUnwound):
            logger.info("The run left this worker", extra={"run_id": run.id})
        except LeaseLost:
            logger.info("The run has another owner or has ended", extra={"run_id": run.id})
        except StoreError:
            logger.exception("The run could not be ended; it will be taken up again", extra={"run_id": run.id})
        finally:
            self.evict(run)
            self._poke.set()

    async def _go(self, run: Run, spec: WorkflowSpec, *, fresh: bool) -> None:
        """The workflow from its top to its last message."""
        if not fresh and not spec.durable:
            await self._finish(run, RunStatus.FAILED, WorkflowFailed(short=NOT_DURABLE))
            return
        params = json.loads(run.record.params)
        started = WorkflowStarted(
            sender="Workflow", recipient="User", name=spec.name, description=spec.description, params=params
        )
        run.emit(started, identity="started")
        logger.info("The run of %r %s", spec.name, "starts" if fresh else "goes on", extra={"run_id": run.id})
        try:
            result = await spec.body(run)
        except (asyncio.CancelledError, RunUnwound):
            raise
        except Exception:
            logger.exception("The workflow %r failed", spec.name, extra={"run_id": run.id})
            hint = f"The details are in the server's log, under run {run.id}."
            await self._finish(run, RunStatus.FAILED, WorkflowFailed(short=FAILED_SHORT, long=hint))
        else:
            text = result if isinstance(result, str) or result is None else str(result)
            await self._finish(run, RunStatus.COMPLETED, WorkflowCompleted(result=text), text)

    async def _finish(self, run: Run, status: RunStatus, last: Message, result: str | None = None) -> None:
        if run.evicted:
            return
        last = last.model_copy(update={"workflow_uuid": run.id, "sender": "Workflow", "recipient": "User"})
        event = await self._store.finish_run(run.lease, status, result, last.model_dump_json(), time.time())
        self.feeds.push(run.id, event)
        self.feeds.go_stale(run.id)
        logger.info("The run is %s", status.value, extra={"run_id": run.id})

    def evict(self, run: Run) -> None:
        """Drop a run from memory: refuse what it still does, and cancel every task that was born in it."""
        if self.live.get(run.id) is run:
            del self.live[run.id]
        if run.evicted:
            return
        run.close()
        drop = asyncio.create_task(tracking.cancel_all(run.tasks, EVICT_TRIES), context=contextvars.Context())
        self._drops.add(drop)
        drop.add_done_callback(self._drops.discard)

    # --- what clients ask -----------------------------------------------------------------------------------------

    async def create(self, request: InitiateRequest, user_id: str | None) -> RunRecord:
        """Create a run; the same request again gives the same run.

        Raises:
            UnknownWorkflow, Conflict (the id is taken by another request), InvalidRequest (params too large).
        """
        spec = self.workflows.get(request.workflow_name)
        if spec is None:
            known = ", ".join(repr(name) for name in self.workflows) or "none at all"
            raise UnknownWorkflow(f"There is no workflow {request.workflow_name!r}. There are: {known}.")
        params = json.dumps(request.params)
        if len(params) > MAX_PARAMS_CHARS:
            raise InvalidRequest(f"The params have {len(params)} characters; the most is {MAX_PARAMS_CHARS}.")
        title = one_line(spec.description) or spec.name
        new = NewRun(request.workflow_uuid, spec.name, params, user_id, title, spec.durable, time.time())
        record, created = await self._store.create_run(new)
        same = (record.workflow, json.loads(record.params), record.user_id) == (spec.name, request.params, user_id)
        if not created and not same:
            raise Conflict(
                f"The workflow_uuid {request.workflow_uuid} is already taken by another request. "
                "Leave it out to be given a new one."
            )
        if created:
            self._poke.set()
        return record

    async def get(self, run_id: str, user_id: str | None) -> RunRecord:
        """Raises `UnknownRun` for a run that does not exist, and in the same words for somebody else's."""
        record = await self._store.get_run(run_id)
        return _owned(record, run_id, user_id)

    async def list_runs(self, user_id: str | None, *, limit: int, before: str | None) -> list[RunRecord]:
        return await self._store.list_runs(user_id, limit=limit, before=before)

    async def read(
        self, run_id: str, user_id: str | None, *, after: int, limit: int, before: int | None = None
    ) -> EventPage:
        page = await self._store.read_events(run_id, after=after, limit=limit, before=before)
        _owned(page.run, run_id, user_id)
        return page

    async def answer(self, run_id: str, user_id: str | None, question: str, value: Answer) -> None:
        """Check an answer and record it; the first valid one wins.

        Raises:
            UnknownRun, UnknownQuestion, AlreadyAnswered, Conflict (the run has ended), InvalidRequest.
        """
        record = await self.get(run_id, user_id)
        asked = await self._open_question(record, question)
        checked = check_answer(asked, value)
        hidden = isinstance(asked, TextInput) and asked.password
        message = InputAnswered(
            workflow_uuid=run_id,
            sender="User",
            recipient=asked.sender,
            question=question,
            value=None if hidden else checked,
        )
        titles = isinstance(asked, TextInput) and not hidden
        title = one_line(checked) if titles and isinstance(checked, str) else None
        event = await self._store.answer_question(
            run_id, question, json.dumps(checked), message.model_dump_json(), time.time(), title
        )
        if event is None:
            raise AlreadyAnswered("This question has been answered already.")
        self.feeds.push(run_id, event)
        run = self.live.get(run_id)
        status = RunStatus.WAITING if len(record.questions) > 1 else RunStatus.RUNNING
        self.feeds.push(run_id, RunStatusChanged(workflow_uuid=run_id, status=status, title=title))
        if run is not None:
            run.wake()
        self._poke.set()

    async def _open_question(self, record: RunRecord, uuid: str) -> Question:
        for body in record.questions:
            message = parse_message(body)
            if message.uuid == uuid:
                assert message.is_question
                return message  # type: ignore[return-value]
        if await self._store.read_answer(record.id, uuid) is not None:
            raise AlreadyAnswered("This question has been answered already.")
        if record.status.ended:
            raise Conflict("This conversation has ended; nothing can be answered any more.")
        raise UnknownQuestion("This conversation has no such question.")

    async def cancel(self, run_id: str, user_id: str | None) -> RunRecord:
        """Stop a run at once, with the call that it is in; one that has ended stays as it is."""
        await self.get(run_id, user_id)
        message = WorkflowCancelled(
            workflow_uuid=run_id, sender="Workflow", recipient="User", reason="The workflow was stopped."
        )
        event = await self._store.cancel_run(run_id, message.model_dump_json(), time.time())
        if event is not None:
            self.feeds.push(run_id, event)
            self.feeds.go_stale(run_id)
            if (run := self.live.get(run_id)) is not None:
                self.evict(run)
            logger.info("The run was stopped", extra={"run_id": run_id})
        return await self.get(run_id, user_id)

    async def rename(self, run_id: str, user_id: str | None, title: str) -> RunRecord:
        await self.get(run_id, user_id)
        record = _owned(await self._store.rename_run(run_id, title, time.time()), run_id, user_id)
        self.feeds.push(run_id, RunStatusChanged(workflow_uuid=run_id, status=record.status, title=title))
        return record

    async def delete(self, run_id: str, user_id: str | None) -> None:
        """Stop a run and remove all that is known of it."""
        await self.cancel(run_id, user_id)
        await self._store.delete_run(run_id)
        self.feeds.go_stale(run_id)

    async def watch(self, run_id: str, *, after: int, beat_s: float) -> AsyncGenerator[Sequence[Item], None]:
        """Everything after a cursor, then live, until the run ends, is deleted, or the engine stops.

        Yields batches, in order and without a gap; an empty one at least every `beat_s` seconds.
        """
        cursor = after
        with self.feeds.subscribe(run_id) as subscription:
            while not self.stopping.is_set():
                if subscription.stale:
                    subscription.stale = False
                    page = await self._store.read_events(run_id, after=cursor, limit=PAGE)
                    if page.events:
                        cursor = page.events[-1].seq
                        yield page.events
                    if page.run is None or (page.run.status.ended and not page.more):
                        return
                    subscription.stale = subscription.stale or page.more
                    continue
                batch, cursor = _in_order(subscription, cursor)
                if batch:
                    yield batch
                elif not subscription.stale:
                    await subscription.wait(beat_s)
                    if not subscription.pending:
                        yield ()


def _in_order(subscription: Subscription, cursor: int) -> tuple[list[Item], int]:
    """What is new in the queue; at a gap, the rest is left to the store."""
    batch: list[Item] = []
    for item in subscription.take():
        if isinstance(item, StoredEvent):
            if item.seq <= cursor:
                continue
            if item.seq > cursor + 1:
                subscription.stale = True
                break
            cursor = item.seq
        batch.append(item)
    return batch, cursor


def one_line(text: str) -> str:
    """A text as a title."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_TITLE_CHARS // 2 else line[: MAX_TITLE_CHARS // 2 - 1].rstrip() + "…"


def _owned(record: RunRecord | None, run_id: str, user_id: str | None) -> RunRecord:
    if record is None or record.user_id != user_id:
        raise UnknownRun(f"There is no conversation {run_id}, or it is not yours.")
    return record


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
