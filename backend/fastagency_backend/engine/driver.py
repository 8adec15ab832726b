"""Drives the runs that this worker has: from the top of the workflow to its end, or until the run leaves the worker."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from fastagency_shared.messages import Question

from fastagency_backend.engine import tracking
from fastagency_backend.engine.about import about
from fastagency_backend.engine.attempt import attempt, set_aside
from fastagency_backend.engine.bridge import RunUnwound
from fastagency_backend.engine.context import entered
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.gate import Gate
from fastagency_backend.engine.given import Given
from fastagency_backend.engine.limits import Limits
from fastagency_backend.engine.observer import Observer
from fastagency_backend.engine.run import Run
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.engine.tenure import UNDISPUTED, Tenure, Term
from fastagency_backend.engine.unsaved import Unsaved, recorded
from fastagency_backend.engine.vault import Vault
from fastagency_backend.store.base import (
    Lease,
    LeaseLost,
    NewRun,
    RunLog,
    RunRecord,
    Start,
    Store,
    StoreBroken,
    StoreError,
)

logger = logging.getLogger(__name__)

EVICT_TRIES = 20
LAST_CALLS_S = 0.2
"""How long a run that leaves waits for calls that are about to end."""
PARKED_AT_ONCE = 100


class Driver:
    """See the module's docstring. `live` are the runs in memory, and `parked` is how many have been let go to wait.

    `idle_hands` is set when there may be something to claim, or room to claim more; `line` says that runs may wait for
    room, or for another to end. `resumed` is set unless nothing is to be taken up.
    """

    def __init__(
        self,
        worker: str,
        store: Store,
        workflows: Mapping[str, WorkflowSpec],
        feeds: Feeds,
        observer: Observer,
        max_attempts: int,
        limits: Limits,
        vault: Vault,
    ) -> None:
        self.live: dict[str, Run] = {}
        self.parked = 0
        self.idle_hands, self.resumed = asyncio.Event(), asyncio.Event()
        self.resumed.set()
        self.line = True
        self._worker, self._store, self._workflows, self._feeds = worker, store, workflows, feeds
        self._observer, self._max_attempts, self._limits = observer, max_attempts, limits
        self._vault = vault
        self._gate = Gate(store, lambda: self.term is not None)
        self._drivers: dict[asyncio.Task[None], str] = {}
        """What keeps at a run, and the run's id."""
        self._drops: set[asyncio.Task[None]] = set()
        self._creating: set[asyncio.Future[tuple[RunRecord, bool]]] = set()
        self._stopping = False

    @property
    def at_work(self) -> int:
        """How many runs this worker has, with those that are being created here."""
        return len(self._drivers)

    @property
    def at_hand(self) -> frozenset[str]:
        """The ids of these."""
        return frozenset(self._drivers.values())

    @property
    def term(self) -> Term:
        """In which stretch of its lease this worker is: to be read before it is asked whose a run is."""
        return self._store.dispatcher.term(self._worker) if self.resumed.is_set() else None

    def begin(self, record: RunRecord, term: Term) -> asyncio.Task[None]:
        """Take up a run that was claimed in this term; the task is done when the run has left this worker."""
        return self._start(record.id, self._drive(record, term))

    def begin_new(self, new: NewRun, start: Start) -> asyncio.Future[tuple[RunRecord, bool]]:
        """Create a run and take it up, whether or not whoever asks still waits for what the store says of it."""
        told: asyncio.Future[tuple[RunRecord, bool]] = asyncio.get_running_loop().create_future()
        self._creating.add(told)
        told.add_done_callback(self._creating.discard)
        self._start(new.id, self._create(new, start, told))
        return told

    def _start(self, run_id: str, driving: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(driving, name=f"run-{run_id}", context=contextvars.Context())
        self._drivers[task] = run_id
        task.add_done_callback(self._left)
        return task

    def _left(self, driving: asyncio.Task[None]) -> None:
        del self._drivers[driving]
        if self.line:
            self.idle_hands.set()

    async def stop(self) -> int:
        """Let go of every run; returns how many there were. What is committed from now on is given back, not driven."""
        self._stopping = True
        if self._creating:
            await asyncio.wait(self._creating)
        runs = list(self.live.values())
        for run in runs:
            try:
                await self._park(run, 0.0)
            except StoreError:
                logger.exception("A run could not be parked", extra=about(run.record))
        for run in runs:
            self.evict(run)
        for driver in self._drivers:
            driver.cancel()
        if self._drivers:
            await asyncio.wait(self._drivers, timeout=tracking.WAIT_S * EVICT_TRIES)
        await asyncio.gather(*self._drops, return_exceptions=True)
        return len(runs)

    def suspend(self) -> None:
        """Drop every run as it is: none of the leases is good any more, and what is in the log may be less by now.

        What is claimed or created in this moment is not begun until `resume`, and then only if it is still ours.
        """
        self.resumed.clear()
        for run in list(self.live.values()):
            self.evict(run)

    def resume(self) -> None:
        """This worker has given all its runs back, and is registered anew."""
        self.resumed.set()

    # --- what happens to a run from outside -----------------------------------------------------------------------

    def wake(self, run_id: str) -> None:
        """Something that a run waits for has come, or may have: an answer, or that it is tried again."""
        if (run := self.live.get(run_id)) is not None:
            run.questions.look()
        else:
            self.idle_hands.set()

    def asked(self, run_id: str, user_id: str | None, question: str) -> Question | None:
        """A question that this user's run, in memory here, waits with; None: look in the store."""
        run = self.live.get(run_id)
        return run.questions.asked(question) if run is not None and run.record.user_id == user_id else None

    async def answer(self, run_id: str, given: Given) -> bool:
        """Record an answer to such a question and hand it to the run. False: it was closed by then.

        Raises:
            StoreError: nothing has happened.
        """
        told = await self.live[run_id].questions.answer(given)
        if not told:  # parked, or dropped, in this very moment
            self.wake(run_id)
        return told is not None

    def cut_off(self, run_id: str) -> None:
        """The run is about to be stopped: log what it is writing, as far as that has come."""
        if (run := self.live.get(run_id)) is not None:
            run.cut_off()

    def drop(self, run_id: str) -> None:
        """The run has been stopped: let it go."""
        if (run := self.live.get(run_id)) is not None:
            self.evict(run)

    async def look(self, run_ids: Collection[str] | None = None) -> None:
        """These runs may have changed elsewhere, or any: let go of those that are not ours any more, and let those with
        something new in their log look for answers.
        """
        runs = [run for run in self.live.values() if run_ids is None or run.id in run_ids]  # claimed before we ask
        if not runs:
            return
        among = None if run_ids is None else [run.id for run in runs]
        term, epoch = self.term, self._store.epoch
        owned = await self._store.dispatcher.owned_runs(self._worker, among)
        for run in runs:
            found = owned.get(run.id)
            if found is None or found.fence != run.lease.fence:
                self.evict(run)
                continue
            if run.lease.epoch == epoch and run.tenure is not UNDISPUTED:
                run.tenure.since = term
            if found.last_seq != run.seen_seq:
                run.seen_seq = found.last_seq
                run.questions.look()

    async def park_idle(self, warm_s: float) -> None:
        """Let go of every run that has only waited for people for so long.

        Many at a time, in one commit: were each parked after the other, runs would come faster than they leave.
        """
        idle = [run for run in self.live.values() if run.parkable(warm_s)]
        for first in range(0, len(idle), PARKED_AT_ONCE):
            await asyncio.gather(*(self._park(run, warm_s) for run in idle[first : first + PARKED_AT_ONCE]))

    async def _park(self, run: Run, warm_s: float) -> None:
        if run.parkable(warm_s) and await self._store.park_run(run.lease):
            logger.info("The run waits for a person and is parked", extra=about(run.record))
            self.evict(run)
            self.parked += 1
            self.idle_hands.set()  # it may be due soon, or was answered meanwhile

    def evict(self, run: Run) -> None:
        """Drop a run from memory: refuse what it still does, and cancel every task that was born in it."""
        if self.live.get(run.id) is run:
            del self.live[run.id]
        if run.evicted:
            return
        run.bridge.close()
        self._feeds.forget(run.id)
        if all(task.done() for task in run.tasks):
            return
        drop = asyncio.create_task(tracking.cancel_all(run.tasks, EVICT_TRIES), context=contextvars.Context())
        self._drops.add(drop)
        drop.add_done_callback(self._drops.discard)

    # --- driving --------------------------------------------------------------------------------------------------

    async def _create(self, new: NewRun, start: Start, told: asyncio.Future[tuple[RunRecord, bool]]) -> None:
        term = self.term
        try:
            record, created = await self._store.create_run(new, start)
        except asyncio.CancelledError:
            told.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever asked
            if not told.done():
                told.set_exception(error)
            return
        if not told.done():
            told.set_result((record, created))
        if created and record.worker == self._worker and not self._stopping:
            await self._drive(record, term, RunLog(event_keys=frozenset((start.key,))))

    async def _drive(self, record: RunRecord, term: Term, begun: RunLog | None = None) -> None:
        """Keep at a run until it leaves this worker. After a failure of the store begin again: nobody else will.

        `begun`: the log of a run that was created a moment ago.
        """
        current: RunRecord | None = record
        unsaved = Unsaved()
        try:
            while current is not None and not await self._attempt(current, term, unsaved, begun):
                begun = None
                await self._gate.opened()
                current, term = await self._still_ours(current)
        except StoreBroken:
            logger.critical("The run is left as it is, for the store is broken", extra=about(record))

    def _is_poison(self, record: RunRecord) -> bool:
        return record.blamed and record.attempts >= self._max_attempts

    async def _still_ours(self, record: RunRecord) -> tuple[RunRecord | None, Term]:
        """The run as it is now, None if it is not ours, and since when that is certain."""
        term = self.term
        try:
            now = await self._store.get_run(record.id)
        except StoreError:
            return record, None
        same = (self._worker, record.fence, record.epoch)
        return (now if now is not None and (now.worker, now.fence, now.epoch) == same else None), term

    async def _attempt(self, record: RunRecord, term: Term, unsaved: Unsaved, begun: RunLog | None) -> bool:
        """One time through the workflow. False: the store failed, or it is not certain that the run is ours any more;
        `unsaved` has the results that the store has not taken.
        """
        try:
            log = begun or await self._store.load_log(record.id)
            tenure = Tenure(term, lambda: self.term)
            if record.epoch != self._store.epoch:
                return True
            if not tenure.is_certain:  # it may even be in memory again, under another lease
                logger.warning("The lease has run out before the run was taken up", extra=about(record))
                return False
            await unsaved.save(self._store, Lease(record.id, record.fence, record.epoch), log)
        except LeaseLost:
            return True
        except StoreError:
            logger.exception("The run's log could not be brought up to date", extra=about(record))
            return False
        run = Run(
            record,
            log,
            store=self._store,
            feeds=self._feeds,
            drop=self.evict,
            observer=self._observer,
            unsaved=unsaved,
            limits=self._limits,
            tenure=tenure if record.durable else UNDISPUTED,
            vault=self._vault,
        )
        if (stale := self.live.get(run.id)) is not None:
            self.evict(stale)
        self.live[run.id] = run
        spec = self._workflows[record.workflow]
        fresh = begun is not None or not log.event_keys
        self._feeds.status(run.id, record.status)
        try:
            with entered(run):
                ways = set_aside(run) if self._is_poison(record) else attempt(run, spec, fresh=fresh)
                body = asyncio.create_task(ways, name=f"workflow-{run.id}")
            await body
        except (asyncio.CancelledError, RunUnwound):
            logger.info("The run left this worker", extra=about(run.record))
        except LeaseLost:
            logger.info("The run has another owner or has ended", extra=about(run.record))
        except StoreError:
            logger.exception("The run could not be ended; it will be taken up again", extra=about(run.record))
            return False
        finally:
            self.evict(run)
        if not run.journal.failed:
            await self._save_last_results(run, unsaved)
        return not run.journal.failed

    async def _save_last_results(self, run: Run, unsaved: Unsaved) -> None:
        """Record what calls return in the moment in which the run leaves, while it is still ours: nothing that was paid
        for is paid for again by whoever takes the run up.
        """
        until = time.monotonic() + LAST_CALLS_S
        while run.activity.calls and time.monotonic() < until:  # noqa: ASYNC110 - they end in other threads
            await asyncio.sleep(LAST_CALLS_S / 20)
        try:
            for key, step in unsaved.stranded.items():
                await recorded(self._store, run.lease, key, replace(step, order=run.results.next_order()))
        except StoreError as error:
            logger.info("A result that came as the run left was not recorded: %s", error, extra=about(run.record))
