"""A process that serves clients and drives nothing: workers beside it, on any host, drive the runs.

It knows the workflows by the catalogue that workers keep in the store, and has none of their code.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from fastagency_backend.engine import logrecord
from fastagency_backend.engine.catalogue import Catalogue
from fastagency_backend.engine.chore import Chores
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.health import Examination, Health
from fastagency_backend.engine.hearing import LOOK_PAUSE_S, Hearing
from fastagency_backend.engine.lag import Lag
from fastagency_backend.engine.limits import Limits
from fastagency_backend.engine.line import Lines
from fastagency_backend.engine.observer import NOBODY, Observer
from fastagency_backend.engine.relay import Relay
from fastagency_backend.engine.service import RunService
from fastagency_backend.engine.vault import OF_THIS_PROCESS, Vault
from fastagency_backend.store.base import Store

logger = logging.getLogger(__name__)


class Api:
    """See the module's docstring. It lives on one event loop; `on_failure` is called there when it cannot go on."""

    live = max_live = 0

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        limits: Limits,
        observer: Observer = NOBODY,
        on_failure: Callable[[str], None] | None = None,
        vault: Vault = OF_THIS_PROCESS,
    ) -> None:
        self.store = store
        self.observer = observer
        self.lag = Lag()
        self.failure: str | None = None
        self._epoch = 0
        self._catalogue, self._on_failure = catalogue, on_failure
        feeds = Feeds()
        self._lines = Lines(store, feeds)
        self.service = RunService(
            store, catalogue, feeds, lines=self._lines, limits=limits, refresh=catalogue.refresh, vault=vault
        )
        self._chores = Chores(self._fail)
        self._relay = Relay(store.signals, feeds, lambda _run_id: False)
        self._hearing = Hearing(self._relay)
        self._examination = Examination(store, self._chores, self.lag, self.service.readers.leaving, self._lines)

    async def start(self) -> None:
        """Open the store and read what workflows there are. Raises `StoreError`."""
        logrecord.install()
        await self.store.open(self._hearing, lambda error: self._fail(str(error)))
        self._epoch = self.store.epoch
        self._catalogue.connect(self.store)
        await self._catalogue.refresh()
        self._chores.start("look-around", self._look_around)
        self._chores.start("look-at-all", self._hearing.look_at_all)
        self._chores.start("epoch", self._begin_anew)
        self._chores.start("want", self._relay.want_again)
        self._chores.start("catalogue", self._catalogue.look)
        self._chores.start("lag", self.lag.look)
        self._chores.start("lines", self._lines.look)
        self.observer.started(self)
        logger.info("The API serves clients, and drives no runs; there are %d workflows", len(self._catalogue))

    async def stop(self) -> None:
        """Tell every client to come back, to another process."""
        self.service.readers.send_home()
        await self._chores.stop()
        self.observer.stopped()
        await self.store.close()
        logger.info("The API has stopped")

    async def health(self) -> Health:
        """Whether this process does what it is there for, and if not, which part of it does not."""
        return await self._examination.result()

    async def _look_around(self) -> None:
        """Another process has committed: readers look."""
        news = await self._hearing.news()
        await self.service.readers.look(news.run_ids)
        await asyncio.sleep(LOOK_PAUSE_S)

    async def _begin_anew(self) -> None:
        """The database has failed over: clients read again, from the log as it is now."""
        if self.store.epoch == self._epoch:
            await self._hearing.epoch()
            return
        logger.warning("The log is in epoch %d: what was committed last may be lost", self.store.epoch)
        self._epoch = self.store.epoch
        self.service.readers.begin_anew()

    def _fail(self, sentence: str) -> None:
        """Something that this process cannot mend: say so, once, and let whoever started it decide."""
        if self.failure is not None:
            return
        self.failure = sentence
        logger.critical("The API cannot go on. %s", sentence)
        if self._on_failure is not None:
            self._on_failure(sentence)
