"""Which runs this worker takes up: those that it claims, and those that are created here while it has room for them.

Most runs are created, claimed and begun in one commit. Where others may wait for room, or something else speaks against
it, a run is created ready and claimed in its turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastagency_backend.engine.about import about
from fastagency_backend.engine.attempt import first_message
from fastagency_backend.engine.body import body_of
from fastagency_backend.engine.driver import Driver
from fastagency_backend.engine.key import FIRST_KEY
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.engine.tenure import Term
from fastagency_backend.engine.trial import POLL_S, Trials
from fastagency_backend.store.base import NewRun, RunRecord, Start, Store
from fastagency_backend.store.dispatch import NO_LIMITS, ON_TRIAL, AtWork

if TYPE_CHECKING:
    from fastagency_backend.engine.engine import EngineSettings

logger = logging.getLogger(__name__)

BATCH = 500
"""Runs claimed at a time."""


class Intake:
    """See the module's docstring. `open` is whether runs may be taken up as they are created: while the engine runs."""

    def __init__(
        self,
        worker: str,
        store: Store,
        workflows: Mapping[str, WorkflowSpec],
        driver: Driver,
        settings: EngineSettings,
    ) -> None:
        self.open = False
        self._worker, self._store, self._workflows = worker, store, workflows
        self._driver, self._settings = driver, settings
        self._trials = Trials(driver.live)
        self._asked_for = 0
        """Room that a claim under way may need."""
        self._line = True
        """Whether runs may wait for room here, for all that the last claim has shown."""

    @property
    def room(self) -> int:
        """How many more runs may be taken up."""
        return self._settings.max_live - self._driver.at_work - self._asked_for

    @property
    def is_claiming(self) -> bool:
        """Whether a claim is under way: what it takes is owned before it is known here."""
        return self._asked_for > 0

    # --- runs that are created here -------------------------------------------------------------------------------

    async def create(self, new: NewRun) -> tuple[RunRecord, bool]:
        """Create a run, as `Store.create_run` does, and have it driven: here and now, if nothing speaks against it.

        Whoever asked for it may go away meanwhile: what is committed is driven.
        """
        if not self._may_begin(new):
            record, created = await self._store.create_run(new)
        else:
            record, created = await self._driver.begin_new(new, self._start_of(new))
        if created and record.worker is None:
            self._line = True
            self._driver.idle_hands.set()
        return record, created

    def _may_begin(self, new: NewRun) -> bool:
        if not (self.open and self._driver.resumed.is_set()) or self._line or self.room <= 0 or self._trials.under_way:
            return False
        if not new.durable:  # once something is in its log, it cannot go on in another process
            return False
        of_user = self._settings.max_at_work_per_user if new.user_id else None
        return of_user is None and self._workflows[new.workflow].max_at_work is None

    def _start_of(self, new: NewRun) -> Start:
        message = first_message(new.id, self._workflows[new.workflow], new.params)
        return Start(self._worker, FIRST_KEY, body_of(message), self._settings.builds.own)

    # --- runs that are claimed ------------------------------------------------------------------------------------

    async def claim(self) -> None:
        """Take over what is ready, then wait until something may have become so."""
        if self._trials.under_way:
            await asyncio.sleep(POLL_S)
            return
        await self._driver.resumed.wait()
        idle_hands = self._driver.idle_hands
        idle_hands.clear()
        wait_s = self._settings.lease_s / 2
        if self.room <= 0:
            self._line = True
        else:
            self._line = await self._claim(min(self.room, BATCH))
            due_s = await self._store.dispatcher.next_due()
            wait_s = wait_s if due_s is None else max(0.0, min(wait_s, due_s))
        self._driver.line = self._line or self._at_work() != NO_LIMITS
        try:
            async with asyncio.timeout(wait_s):
                await idle_hands.wait()
        except TimeoutError:
            return

    async def _claim(self, limit: int) -> bool:
        """Claim so many at most. Whether more may be ready."""
        on_trial, self._trials.others_first = not self._trials.others_first, False
        self._asked_for = limit
        term = self._driver.term
        try:
            records = await self._store.dispatcher.claim_runs(
                self._worker,
                list(self._workflows),
                limit=limit,
                at_work=self._at_work(),
                builds=self._settings.builds,
                on_trial=on_trial,
            )
        finally:
            self._asked_for = 0
        more = len(records) == limit or self._driver.idle_hands.is_set()  # somebody may have come meanwhile
        tried = [self._take_up(record, term) for record in records]
        if more or any(tried) or not on_trial:
            self._driver.idle_hands.set()
        return more

    def _take_up(self, record: RunRecord, term: Term) -> bool:
        """Drive a run that was claimed. Whether that is a trial."""
        driving = self._driver.begin(record, term)
        if record.attempts < ON_TRIAL:
            return False
        logger.warning("%d workers have died with the run; it is taken up alone", record.attempts, extra=about(record))
        self._trials.begin(record, driving)
        return True

    def _at_work(self) -> AtWork:
        of_workflow = {name: spec.max_at_work for name, spec in self._workflows.items()}
        return AtWork(
            self._settings.max_at_work_per_user,
            {name: limit for name, limit in of_workflow.items() if limit is not None},
        )
