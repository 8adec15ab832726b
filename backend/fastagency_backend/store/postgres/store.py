"""The store on PostgreSQL, for many hosts: see `base.Store`. It is put together of parts that share the connections.

`Log` and `Client` are the log and what clients do, `Dispatcher` gives runs to workers, `Signals` carries hints.
"""

from __future__ import annotations

import asyncio
import logging

import psycopg

from fastagency_backend.store.base import Broken, Changed, StoreBroken
from fastagency_backend.store.postgres.client import Client
from fastagency_backend.store.postgres.dispatch import Dispatcher
from fastagency_backend.store.postgres.failure import store_error
from fastagency_backend.store.postgres.lane import Lanes
from fastagency_backend.store.postgres.liveness import Heart
from fastagency_backend.store.postgres.log import Log
from fastagency_backend.store.postgres.migrate import check, migrate
from fastagency_backend.store.postgres.pool import Connections, Options
from fastagency_backend.store.postgres.signals import Signals
from fastagency_backend.store.postgres.writer import Writer

logger = logging.getLogger(__name__)

DEFAULTS = Options()


class PostgresStore(Log, Client, Dispatcher):
    """See the module's docstring. `url` is a connection URI or string of libpq."""

    def __init__(self, url: str, options: Options = DEFAULTS) -> None:
        connections = Connections(url, options)
        signals = Signals(connections)
        lanes = Lanes([Writer(connections.connect) for _ in range(options.lanes)], signals.tell)
        super().__init__(connections, lanes, signals, Heart(connections.connect, options.build))

    async def open(self, changed: Changed, broken: Broken | None = None) -> None:
        try:
            await asyncio.to_thread(self._prepare)
            await self._connections.open()
            await self._signals.open(lambda _runs: changed())
            await self._lanes.open(broken or _log_only)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        await self._lanes.close()
        await self.stop_dispatch()
        await self._signals.close()
        await self._connections.close()

    @property
    def queued(self) -> int:
        return self._lanes.queued

    def _prepare(self) -> None:
        try:
            with self._connections.connect() as db:
                if self._connections.options.migrate:
                    migrate(db)
                else:
                    check(db)
        except psycopg.Error as error:
            raise store_error(error) from error


def _log_only(_error: StoreBroken) -> None:
    """For whoever opens a store without wanting to be told: the lane has logged it."""
