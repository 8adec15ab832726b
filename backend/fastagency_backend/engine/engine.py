"""The engine: one worker, with the service for clients beside it. It lives on one event loop.

Its `driver` drives what it has taken up; the engine looks after what has to be done again and again. What clients ask
goes to its `service`, which tells the driver what concerns a run that is driven here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastagency_shared.messages import new_uuid

from fastagency_backend.engine import logrecord, memory, tracking
from fastagency_backend.engine.catalogue import Offering
from fastagency_backend.engine.chore import Chores
from fastagency_backend.engine.driver import Driver
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.health import Examination, Health
from fastagency_backend.engine.hearing import LOOK_PAUSE_S, Hearing
from fastagency_backend.engine.intake import Intake
from fastagency_backend.engine.lag import Lag
from fastagency_backend.engine.limits import DEFAULT_LIMITS, Limits
from fastagency_backend.engine.line import Lines
from fastagency_backend.engine.observer import NOBODY, Observer
from fastagency_backend.engine.pause import pause
from fastagency_backend.engine.relay import Relay
from fastagency_backend.engine.service import RunService
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.engine.stray import Strays
from fastagency_backend.engine.vault import OF_THIS_PROCESS, Vault
from fastagency_backend.engine.watch import UNWATCHED
from fastagency_backend.engine.watchdog import Watchdog
from fastagency_backend.store.base import Store, StoreError
from fastagency_backend.store.dispatch import ANY_BUILD, Builds

logger = logging.getLogger(__name__)

REMOVED = 100
"""Runs removed at a time."""
SWEEP_PAUSE_S = 0.02
"""Between two slices of sweeping: other writes come first."""
SWEEP_EVERY_S = 5.0
RETENTION_EVERY_S = 600.0
WAVE = 1000
"""Runs parked after which memory is given back, as soon as few are left: the collector is quick then."""


@dataclass(frozen=True)
class EngineSettings:
    """`warm_s`: how long a waiting run stays in memory. `lease_s`: after how long a dead worker loses its runs.

    `retention_s`: ended runs older than this are removed; None keeps them. `max_live`: runs in memory at a time.
    `max_attempts`: how often a run may take its worker down, one time after the other, before it is set aside.
    `watch_folder`: where it is written what a loop that stands still was doing; None: it is not watched.
    `frozen_s`: when it counts as frozen; `frozen_exit_s`: when the process ends because of that.
    `max_at_work_per_user`: runs of a signed-in user that are at work at a time, over all workers.
    `limits`: how large what is kept may be. `builds`: whose runs are taken over.
    `vault` seals passwords.
    """

    warm_s: float = 30.0
    lease_s: float = 3.0
    retention_s: float | None = None
    max_live: int = 5000
    max_attempts: int = 3
    watch_folder: Path | None = None
    frozen_s: float = 10.0
    frozen_exit_s: float | None = None
    max_at_work_per_user: int | None = None
    limits: Limits = DEFAULT_LIMITS
    vault: Vault = OF_THIS_PROCESS
    builds: Builds = ANY_BUILD


class Engine:
    """See the module's docstring. `workflows` may grow at any time."""

    def __init__(
        self,
        store: Store,
        workflows: Mapping[str, WorkflowSpec],
        settings: EngineSettings | None = None,
        observer: Observer = NOBODY,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings or EngineSettings()
        self.workflows = workflows
        self.store = store
        self.worker = new_uuid()
        self.feeds = Feeds()
        self.observer = observer
        limits, vault = self.settings.limits, self.settings.vault
        self.driver = Driver(
            self.worker, store, workflows, self.feeds, observer, self.settings.max_attempts, limits, vault
        )
        self._lines = Lines(store, self.feeds)
        self._intake = Intake(self.worker, store, workflows, self.driver, self.settings)
        self._offering = Offering(store, workflows, self.settings.builds.own)
        self.service = RunService(
            store, workflows, self.feeds, self.driver, self._lines, limits, create=self._intake.create, vault=vault
        )
        self._strays = Strays(self.worker, store, self.driver, lambda: self._intake.is_claiming)
        self.lag = Lag()
        self.failure: str | None = None
        """Why this worker cannot go on, once it cannot: nothing is claimed or driven any more."""
        self._on_failure = on_failure
        self._chores = Chores(self._fail)
        self._watchdog = self._watchdog_for(self.settings)
        self._relay = Relay(store.signals, self.feeds, self.driver.live.__contains__)
        self._hearing = Hearing(self._relay)
        self._examination = Examination(store, self._chores, self.lag, self.service.readers.leaving, self._lines)
        self._epoch = 0
        """In which this worker is registered."""
        self._next_removal = 0.0
        self._tidied = 0

    async def start(self) -> None:
        """Open the store and go on with every run that waits for a worker. Raises `StoreError`."""
        watchdog = self._watchdog
        tracking.install(asyncio.get_running_loop(), UNWATCHED if watchdog is None else watchdog)
        logrecord.install()
        await self.store.open(self._hearing, lambda error: self._fail(str(error)))
        if watchdog is not None:
            await watchdog.start()
            self._chores.start("beat", watchdog.beat)
            self._chores.start("others", watchdog.look_at_others)
        await self._register()
        self._intake.open = True
        self._chores.start("claim", self._intake.claim)
        self._chores.start("look-around", self._look_around)
        self._chores.start("look-at-all", self._hearing.look_at_all)
        self._chores.start("epoch", self._begin_anew)
        self._chores.start("want", self._relay.want_again)
        self._chores.start("strays", self._strays.look)
        self._chores.start("offer", self._offering.look)
        self._chores.start("tidy", self._tidy)
        self._chores.start("lag", self.lag.look)
        self._chores.start("lines", self._lines.look)
        self._chores.start("remove", self._remove)
        self.observer.started(self)
        logger.info("The engine runs as worker %s", self.worker)

    async def stop(self) -> None:
        """Hand every run over within seconds: others go on with them, clients are told to come back."""
        self._intake.open = False
        self.service.readers.send_home()
        await self._chores.stop()
        if self._watchdog is not None:
            await self._watchdog.stop()
        handed_over = await self.driver.stop()
        self.observer.stopped()
        try:
            await self.store.dispatcher.release_worker(self.worker)
        except StoreError:
            logger.exception("The worker's runs were not given back: others take them when its lease is over")
        await self.store.close()
        logger.info("The engine has stopped; %d runs were handed over", handed_over)

    @property
    def live(self) -> int:
        """How many runs are in memory."""
        return len(self.driver.live)

    @property
    def max_live(self) -> int:
        return self.settings.max_live

    async def health(self) -> Health:
        """Whether this process does what it is there for, and if not, which part of it does not."""
        return await self._examination.result()

    async def _register(self) -> None:
        epoch = self.store.epoch
        well = self._watchdog.well if self._watchdog is not None else None
        await self.store.dispatcher.register_worker(self.worker, self.settings.lease_s, well)
        self._epoch = epoch

    def _fail(self, sentence: str) -> None:
        """Something that this process cannot mend: say so, once, and let whoever started the engine decide."""
        if self.failure is not None:
            return
        self.failure = sentence
        self._intake.open = False
        logger.critical("The worker cannot go on. %s", sentence)
        if self._on_failure is not None:
            self._on_failure(sentence)

    def _watchdog_for(self, settings: EngineSettings) -> Watchdog | None:
        if settings.watch_folder is None:
            return None
        return Watchdog(settings.watch_folder, self.worker, settings.frozen_s, settings.frozen_exit_s)

    # --- chores ---------------------------------------------------------------------------------------------------

    async def _look_around(self) -> None:
        """Another process has committed: readers look, and so do the runs."""
        news = await self._hearing.news()
        if news.ready:
            self.driver.idle_hands.set()
        await self.service.readers.look(news.run_ids)
        await self.driver.look(news.run_ids)
        await asyncio.sleep(LOOK_PAUSE_S)

    async def _begin_anew(self) -> None:
        """The database has failed over: clients read again, and runs go on from the log as it is now."""
        if self.store.epoch == self._epoch:
            await self._hearing.epoch()
            return
        logger.warning("The log is in epoch %d: what was committed last may be lost", self.store.epoch)
        self.service.readers.begin_anew()
        self.driver.suspend()
        await self.store.dispatcher.release_worker(self.worker)
        await self._register()
        self.driver.resume()
        self.driver.idle_hands.set()

    async def _tidy(self) -> None:
        """Park what only waits; when a wave of runs is over, give back the memory that it took."""
        await self.driver.park_idle(self.settings.warm_s)
        if self.driver.parked - self._tidied >= WAVE and len(self.driver.live) < WAVE // 10:
            self._tidied = self.driver.parked
            await asyncio.to_thread(memory.give_back)
        await pause(min(1.0, max(0.05, self.settings.warm_s / 4)))

    async def _remove(self) -> None:
        """Remove what is too old, and clear away a little of what deleted runs have left."""
        if self.settings.retention_s is not None and time.monotonic() >= self._next_removal:
            removed = await self.store.delete_ended_before(time.time() - self.settings.retention_s, limit=REMOVED)
            if removed:
                logger.info("Removed %d runs that ended long ago", removed)
            self._next_removal = time.monotonic() + (0.0 if removed == REMOVED else RETENTION_EVERY_S)
        more = await self.store.sweep()
        await pause(SWEEP_PAUSE_S if more else SWEEP_EVERY_S)
