"""Claims runs and drives them. The engine lives on one event loop, and is the `RunService` of its process."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fastagency_shared.messages import (
    Message,
    RunStatusChanged,
    WorkflowCompleted,
    WorkflowFailed,
    WorkflowStarted,
    new_uuid,
)
from fastagency_shared.run import RunStatus

from fastagency_backend.engine import logrecord, tracking
from fastagency_backend.engine.body import whole
from fastagency_backend.engine.run import Run, RunEvicted, RunUnwound
from fastagency_backend.engine.service import PAGE, RunService, WorkflowSpec
from fastagency_backend.store.base import LeaseLost, RunRecord, Store, StoreError

logger = logging.getLogger(__name__)

RETENTION_EVERY_S = 600.0
EVICT_TRIES = 20
STORE_RETRY_S = 1.0

NOT_DURABLE = "This workflow cannot go on after an interruption. What it said so far is above; please start it again."
FAILED_SHORT = "The workflow stopped because of an error."


@dataclass(frozen=True)
class EngineSettings:
    """`warm_s`: how long a waiting run stays in memory. `lease_s`: after how long a dead worker loses its runs.

    `retention_s`: ended runs older than this are removed; None keeps them. `max_live`: runs in memory at a time.
    """

    warm_s: float = 30.0
    lease_s: float = 3.0
    retention_s: float | None = None
    max_live: int = 5000


class Engine(RunService):
    """See the module's docstring."""

    def __init__(
        self, store: Store, workflows: Mapping[str, WorkflowSpec], settings: EngineSettings | None = None
    ) -> None:
        super().__init__(store, workflows)
        self.settings = settings or EngineSettings()
        self.worker = new_uuid()
        self.live: dict[str, Run] = {}
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
        logrecord.install()
        await self._store.open(self._foreign.set)
        await self._store.register_worker(self.worker, self.settings.lease_s)
        chores = {"claim": self._claim, "look-around": self._look_around, "tidy": self._tidy}
        for name, chore in chores.items():
            task = asyncio.create_task(self._forever(chore), name=f"engine-{name}", context=contextvars.Context())
            self._chores.append(task)
        logger.info("The engine runs as worker %s", self.worker)

    async def stop(self) -> None:
        """Hand every run over within seconds: others go on with them, clients are told to come back."""
        self.end_watching()
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
        for driver in self._drivers:
            driver.cancel()
        if self._drivers:
            await asyncio.wait(self._drivers, timeout=tracking.WAIT_S * EVICT_TRIES)
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

    def woken(self, run_id: str) -> None:
        if (run := self.live.get(run_id)) is not None:
            run.wake()
        self._poke.set()

    def dropped(self, run_id: str) -> None:
        if (run := self.live.get(run_id)) is not None:
            self.evict(run)

    # --- chores ---------------------------------------------------------------------------------------------------

    async def _claim(self) -> None:
        """Take over what is ready, whenever something may have become so."""
        self._poke.clear()
        room = self.settings.max_live - len(self._drivers)
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
        """Keep at a run until it leaves this worker. After a failure of the store begin again: nobody else will."""
        current: RunRecord | None = record
        while current is not None and not await self._attempt(current):
            await asyncio.sleep(STORE_RETRY_S)
            current = await self._still_ours(current)

    async def _still_ours(self, record: RunRecord) -> RunRecord | None:
        try:
            now = await self._store.get_run(record.id)
        except StoreError:
            return record
        return now if now is not None and (now.worker, now.fence) == (self.worker, record.fence) else None

    async def _attempt(self, record: RunRecord) -> bool:
        """One time through the workflow. False: the store failed."""
        try:
            log = await self._store.load_log(record.id)
        except StoreError:
            logger.exception("The run's log could not be read", extra={"run_id": record.id})
            return False
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
            return False
        finally:
            self.evict(run)
            self._poke.set()
        return not run.store_failed

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
            text = None if result is None else whole(str(result))
        except (Exception, asyncio.CancelledError, RunUnwound) as error:
            if run.evicted:
                raise RunEvicted(run.id) from error
            # A cancellation that is not ours is an error like any other: the workflow awaited what it had cancelled.
            logger.exception("The workflow %r failed", spec.name, extra={"run_id": run.id})
            hint = f"The details are in the server's log, under run {run.id}."
            await self._finish(run, RunStatus.FAILED, WorkflowFailed(short=FAILED_SHORT, long=hint))
        else:
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


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
