"""The stores that are measured, the server behind them, and what every measure does with them."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import Lease, NewRun, Store
from fastagency_backend.store.postgres import PostgresStore
from fastagency_backend.store.signals import Deaf

from tests.contract.postgres_server import PostgresServer, server

T = TypeVar("T")

Make = Callable[[], Store]
_workers = itertools.count()
LEASE_S = 3600


@dataclass(frozen=True)
class Bench:
    """A server of this benchmark's own, and how much is done. `small` is for a look whether everything runs."""

    server: PostgresServer
    folder: Path
    url: str
    rounds: int
    small: bool

    def of(self, full: T, small: T) -> T:
        return small if self.small else full

    def sqlite(self) -> Store:
        return SqliteStore(self.folder / "runs.sqlite3")

    def postgres(self) -> Store:
        return PostgresStore(self.url)


@contextmanager
def bench(rounds: int, small: bool) -> Iterator[Bench]:
    with server(durable=True) as started, TemporaryDirectory(prefix="fastagency-bench-") as folder:
        yield Bench(started, Path(folder), started.new_database(), rounds, small)


async def opened(make: Make) -> Store:
    store = make()
    await store.open(Deaf())
    return store


class Writes(Protocol):
    """`Store.append_event` and the like, with all but `done` given."""

    def __call__(self, done: Callable[[int | None, Exception | None], None]) -> None: ...


async def written(write: Writes) -> None:
    """Wait for the commit."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def done(_seq: int | None, error: Exception | None) -> None:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(None)

    write(done)
    await future


async def leases(store: Store, count: int) -> list[Lease]:
    """New runs that a new worker has taken up."""
    worker = f"bench-{next(_workers)}"
    await store.dispatcher.register_worker(worker, LEASE_S)
    for _ in range(count):
        await store.create_run(NewRun(uuid.uuid4().hex, worker, "{}", None, "t", True, time.time()))
    claimed = await store.dispatcher.claim_runs(worker, [worker], limit=count)
    return [Lease(run.id, run.fence, run.epoch) for run in claimed]


def cpu_s(server: PostgresServer) -> float:
    """Processor time that the server's processes have used so far, user and system, ended ones included (Linux)."""
    postmaster = int((Path(server.data) / "postmaster.pid").read_text().split()[0])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            values = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile, and is counted with the postmaster's children
            continue
        if stat.parent.name == str(postmaster):
            ticks += sum(map(int, values[11:15]))
        elif values[1] == str(postmaster):
            ticks += sum(map(int, values[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")
