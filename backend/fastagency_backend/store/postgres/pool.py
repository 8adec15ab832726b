"""The connections of a process to its PostgreSQL: one for each lane that writes, a pool that reads, and two more.

A budget says how many there are: `lanes` + `readers`, one that listens, and one that keeps a worker's lease. Multiply
it by the processes on all hosts, and keep it below the server's `max_connections`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from fastagency_backend.store.base import StoreError
from fastagency_backend.store.postgres.epoch import Epochs
from fastagency_backend.store.postgres.failure import is_lost, store_error

logger = logging.getLogger(__name__)

T = TypeVar("T")
Connection: TypeAlias = psycopg.Connection[Any]

WAIT_S = 5.0
"""How long a read waits for a connection, and a connection for its server."""
PREPARE_AFTER = 2

DATABASE, LISTEN = "FASTAGENCY_DATABASE", "FASTAGENCY_DATABASE_LISTEN"
NO_ADDRESS = (
    "{} is no address that PostgreSQL can read. Write it as postgresql://user:password@host:5432/name, and what is "
    "special in a password as it is in addresses: %25 for %, %40 for @, %2F for /, %3A for :, %3F for ?."
)

PARAMETERS = {
    # A peer that is gone without a word is noticed within about ten seconds, whether it owes an answer or not.
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "target_session_attrs": "read-write",
    "application_name": "fastagency",
}
SETTINGS = {
    # Every statement is met with the same shape of plan; planning one anew would cost more than carrying it out.
    "plan_cache_mode": "force_generic_plan",
    # A plan over many rows is taken for an expensive one, and compiled at each use: ten times what it takes itself.
    "jit": "off",
    # What a process leaves open when it is cut off from the server must not hold others up.
    "idle_in_transaction_session_timeout": "15s",
}


@dataclass(frozen=True, slots=True)
class Options:
    """How a process uses its database.

    `pooled`: between us and the server stands a PgBouncer in transaction mode; nothing is kept in a session then.
    `listen_url`: the server without it, for the one connection that listens. `migrate`: create and change tables at the
    start.
    """

    lanes: int = 2
    readers: int = 4
    pooled: bool = False
    listen_url: str | None = None
    migrate: bool = True


class Connections:
    """See the module's docstring. `open` and `close` are for the event loop, the rest for any thread.

    Raises:
        StoreError: what should be an address is none.
    """

    def __init__(self, url: str, options: Options) -> None:
        self.options = options
        self._conninfo = conninfo(url, settings=not options.pooled)
        listens = (url, DATABASE) if options.listen_url is None else (options.listen_url, LISTEN)
        self._listen_conninfo = conninfo(*listens, settings=False)
        self._prepare = None if options.pooled else PREPARE_AFTER
        self.epochs = Epochs()
        self._readers = ThreadPoolExecutor(options.readers, thread_name_prefix="fastagency-store-reader")
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self._conninfo,
            min_size=1,
            max_size=options.readers,
            timeout=WAIT_S,
            open=False,
            configure=self.epochs.look,
            kwargs={"autocommit": True, "prepare_threshold": self._prepare},
            name="fastagency-store",
        )

    def connect(self) -> Connection:
        """A connection for the caller's own use. Raises `psycopg.Error`."""
        return self._looked_at(psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=self._prepare))

    def connect_to_listen(self) -> Connection:
        """One that stays with the server itself. Raises `psycopg.Error`."""
        return self._looked_at(psycopg.connect(self._listen_conninfo, autocommit=True))

    def on_a_new_one(self, job: Callable[[Connection], T]) -> T:
        """Carry out a job on a connection of its own, in this thread; once more if that is lost meanwhile.

        Behind a PgBouncer a connection is new on our side only: on the server's, it may have ended a moment ago. The
        first command then has two answers, which psycopg calls "2 results", and the connection is closed.
        Raises `psycopg.Error`.
        """
        for again in (True, False):
            with self.connect() as db:
                try:
                    return job(db)
                except psycopg.Error as error:
                    if not again or not is_lost(db, error):
                        raise
        raise AssertionError("the second time returns or raises")

    def _looked_at(self, db: Connection) -> Connection:
        try:
            self.epochs.look(db)
        except BaseException:
            db.close()
            raise
        return db

    async def open(self) -> None:
        await asyncio.to_thread(self._pool.open)

    async def close(self) -> None:
        """Give up every connection; whoever still reads fails."""
        await asyncio.to_thread(self._readers.shutdown)
        await asyncio.to_thread(self._pool.close)

    async def read(self, job: Callable[[Connection], T]) -> T:
        """Carry out a job that changes nothing: after a lost connection it is simply done again."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._use, job, True)

    async def write(self, job: Callable[[Connection], T]) -> T:
        """Carry out a job that commits by itself. `StoreError` after a lost connection: it may have been done."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._use, job, False)

    def _done(self, job: Callable[[Connection], T], db: Connection) -> T:
        """Nothing is handed out from an epoch that was not told of."""
        result = job(db)
        if self.options.pooled:
            self.epochs.look(db)
        return result

    def _use(self, job: Callable[[Connection], T], again: bool) -> T:
        try:
            with self._pool.connection() as db:
                try:
                    return self._done(job, db)
                except psycopg.Error as error:
                    if not is_lost(db, error):
                        raise
                    failure = error
            self._pool.check()  # the server was restarted, say: the others are as dead as this one
            if not again:
                raise failure
            with self._pool.connection() as db:
                return self._done(job, db)
        except PoolTimeout as error:
            raise StoreError(f"The database has not answered for {WAIT_S:g} seconds.") from error
        except (psycopg.Error, UnicodeEncodeError) as error:
            raise store_error(error) from error


def conninfo(url: str, setting: str = DATABASE, *, settings: bool) -> str:
    """The URL with our parameters where it has none of its own. Raises `StoreError`: `setting` is no address."""
    if _has_raw_password(url):
        raise StoreError(NO_ADDRESS.format(setting))
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:  # it would quote what may be a part of a password
        raise StoreError(NO_ADDRESS.format(setting)) from None
    merged: dict[str, Any] = PARAMETERS | given
    if settings:
        ours = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        merged["options"] = f"{ours} {given.get('options') or ''}".strip()
    return make_conninfo("", **merged)


def _has_raw_password(url: str) -> bool:
    """Whether a part of the password would be taken for the host or the database, and be quoted as that."""
    _, is_url, rest = url.partition("://")
    sign_in, _, place = rest.partition("@")
    return bool(is_url) and "@" in (rest if "/" in sign_in else place).partition("?")[0]
