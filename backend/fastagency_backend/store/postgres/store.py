"""The store on PostgreSQL, for many hosts: see `base.Store`. It is put together of parts that share the connections.

`Log` and `Client` are the log and what clients do, `dispatcher` gives runs to workers, `signals` carries hints and what
is never logged.
"""

from __future__ import annotations

import asyncio
import logging

import psycopg

from fastagency_backend.store.base import Broken, StoreBroken
from fastagency_backend.store.handover import call_on
from fastagency_backend.store.postgres.client import Client
from fastagency_backend.store.postgres.dispatch import PostgresDispatcher
from fastagency_backend.store.postgres.epoch import begin_epoch
from fastagency_backend.store.postgres.failure import store_error
from fastagency_backend.store.postgres.lane import Lanes
from fastagency_backend.store.postgres.liveness import Heart
from fastagency_backend.store.postgres.log import Log
from fastagency_backend.store.postgres.migrate import check, migrate
from fastagency_backend.store.postgres.people import PostgresPeople
from fastagency_backend.store.postgres.pool import Connection, Connections, Options
from fastagency_backend.store.postgres.query import space
from fastagency_backend.store.postgres.signals import NotifySignals
from fastagency_backend.store.postgres.writer import Writer
from fastagency_backend.store.signals import Hears, SharedSignals, Signals

logger = logging.getLogger(__name__)

DEFAULTS = Options()


class PostgresStore(Log, Client):
    """See the module's docstring.

    Args:
        url: a connection URI or string of libpq.
        options: how the database is used.
        signals: to be used instead of the database's own; they are told the name that the database has for its service.
    """

    def __init__(self, url: str, options: Options = DEFAULTS, signals: SharedSignals | None = None) -> None:
        connections = Connections(url, options)
        self._shared = signals
        self.signals: Signals = signals or NotifySignals(connections)
        lanes = Lanes([Writer(connections.connect, connections.epochs.take) for _ in range(options.lanes)], self._tell)
        heart = Heart(connections.connect)
        super().__init__(connections, lanes, self.signals, heart)
        self.people = PostgresPeople(connections, lanes, self.signals, heart)
        self.dispatcher = PostgresDispatcher(connections, lanes, self.signals, heart)

    async def open(self, hears: Hears, broken: Broken | None = None) -> None:
        try:
            await asyncio.to_thread(self._prepare)
            loop = asyncio.get_running_loop()
            self._connections.epochs.begin(lambda: call_on(loop, hears.begun_anew))
            await self._connections.open()
            await self.signals.open(hears)
            await self._lanes.open(broken or _log_only)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._lanes.close()
        await self.dispatcher.close()
        await self.signals.close()
        await self._connections.close()

    @property
    def epoch(self) -> int:
        return self._connections.epochs.newest

    async def begin_epoch(self) -> int:
        """After a backup was restored, and before anybody uses it: no cursor and no lease of before counts any more."""
        return await self._connections.write(begin_epoch)

    @property
    def queued(self) -> int:
        return self._lanes.queued

    def _tell(self, run_ids: set[str], ready: bool) -> None:
        self.signals.tell(run_ids, ready=ready)

    def _prepare(self) -> None:
        try:
            self._connections.on_a_new_one(self._prepare_on)
        except psycopg.Error as error:
            raise store_error(error) from error

    def _prepare_on(self, db: Connection) -> None:
        if self._connections.options.migrate:
            migrate(db)
        else:
            check(db)
        if self._shared is not None:
            self._shared.space = space(db)


def _log_only(_error: StoreBroken) -> None:
    """For whoever opens a store without wanting to be told: the lane has logged it."""
