"""What comes to a worker after its lease has run out: nothing is paid for before the run is known to be its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastagency_backend.engine.driver import Driver
from fastagency_backend.engine.run import Run
from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import Done, Lease, RunLog, RunRecord, StepRecord
from fastagency_backend.store.signals import Deaf
from fastagency_shared.run import RunStatus

from tests.fakes.lab import Lab, until
from tests.unit.backend.engine.test_run import register

LEASE_S = 5.0
TAKE = "UPDATE run SET worker = 'other', fence = fence + 1"


class Late(SqliteStore):
    """Tells only on `tell` that a result was committed, and what is in a log while that is not `readable`.

    `monotonic_s` is its liveness' clock.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, synchronous="OFF")
        self.monotonic_s = 1000.0
        self._liveness._clock = self._liveness._terms._clock = lambda: self.monotonic_s
        self.committed: list[tuple[Done, int | None, Exception | None]] = []
        self.told, self.readable = asyncio.Event(), asyncio.Event()
        self.readable.set()
        self.reading = False

    def append_step(self, lease: Lease, key: str, step: StepRecord, done: Done) -> None:
        def held(seq: int | None, error: Exception | None) -> None:
            if self.told.is_set():
                done(seq, error)
            else:
                self.committed.append((done, seq, error))

        super().append_step(lease, key, step, held)

    async def load_log(self, run_id: str) -> RunLog:
        log = await super().load_log(run_id)
        self.reading = True
        await self.readable.wait()
        return log

    def tell(self) -> None:
        self.told.set()
        self.readable.set()
        for done, seq, error in self.committed:
            done(seq, error)


class Paying:
    """A workflow that pays twice, and what it has paid for."""

    def __init__(self) -> None:
        self.paid: list[str] = []

    async def work(self, run: Run) -> str:
        for what in ("first", "second"):
            await run.step("pay", "", what, lambda what=what: self._pay(what))
        return "done"

    async def _pay(self, what: str) -> str:
        self.paid.append(what)
        return what


@pytest.fixture
def store(tmp_path: Path) -> Late:
    return Late(tmp_path / "runs.sqlite3")


@pytest.fixture
async def other(store: Late) -> AsyncIterator[SqliteStore]:
    """Another process on the same file, and its worker."""
    other = SqliteStore(store.path, synchronous="OFF")
    await other.open(Deaf())
    await other.dispatcher.register_worker("other", 3600)
    yield other
    await other.close()


@pytest.fixture(autouse=True)
def _looks_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """That a run is elsewhere would be noticed by that too, sooner or later."""

    async def nothing(*_: object) -> None:
        return

    monkeypatch.setattr(Driver, "look", nothing)


async def test_who_hears_too_late_that_a_result_is_recorded_pays_for_nothing_more(
    lab: Lab, store: Late, other: SqliteStore
) -> None:
    register(lab, (paying := Paying()).work)
    engine = await lab.engine(store=store, lease_s=LEASE_S)
    await lab.start(engine, "flow")
    await until(lambda: store.committed)
    store.monotonic_s += LEASE_S
    await other._writer.run(lambda db: db.execute(TAKE))
    store.tell()
    await until(lambda: not engine.driver.at_work)
    assert paying.paid == ["first"]


async def test_it_goes_on_where_it_was_when_nobody_has_taken_the_run(lab: Lab, store: Late) -> None:
    register(lab, (paying := Paying()).work)
    engine = await lab.engine(store=store, lease_s=LEASE_S)
    await lab.start(engine, "flow")
    await until(lambda: store.committed)
    store.monotonic_s += LEASE_S
    store.tell()
    assert await lab.completed(engine) == "done"
    assert paying.paid == ["first", "second"]
    assert (await lab.run(engine)).fence == 1


async def test_nothing_is_paid_for_until_the_lease_is_renewed(lab: Lab, store: Late) -> None:
    register(lab, (paying := Paying()).work)
    engine = await lab.engine(store=store, lease_s=LEASE_S)
    await lab.start(engine, "flow")
    await until(lambda: store.committed)
    store._liveness._well = lambda: False
    store.monotonic_s += LEASE_S
    store.tell()
    await until(lambda: engine.driver._gate.closed)
    await asyncio.sleep(1.2)  # the gate looks every half a second
    assert paying.paid == ["first"]
    store._liveness._well = lambda: True
    assert await lab.completed(engine) == "done"
    assert paying.paid == ["first", "second"]


async def test_a_run_that_nobody_else_could_go_on_with_goes_on(lab: Lab, store: Late) -> None:
    register(lab, (paying := Paying()).work, durable=False)
    engine = await lab.engine(store=store, lease_s=LEASE_S)
    await lab.start(engine, "flow")
    await until(lambda: store.committed)
    store.monotonic_s += LEASE_S
    store.tell()
    record = await lab.ended(engine)
    assert (record.status, paying.paid) == (RunStatus.COMPLETED, ["first", "second"])


async def test_a_run_that_was_claimed_long_ago_is_not_begun(lab: Lab, store: Late, other: SqliteStore) -> None:
    """The log was read, and what was read came late."""
    register(lab, (paying := Paying()).work)
    engine = await lab.engine(store=store, lease_s=LEASE_S)
    engine._intake._line = True  # so that it is claimed
    store.readable.clear()
    await lab.start(engine, "flow")
    await until(lambda: store.reading)
    store.monotonic_s += LEASE_S
    await other._writer.run(lambda db: db.execute(TAKE))
    store.tell()
    await until(lambda: not engine.driver.at_work)
    assert paying.paid == []


async def test_what_a_claim_took_is_ours_from_before_it_was_asked_for(
    lab: Lab, store: Late, other: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(lab, (paying := Paying()).work)
    claim_runs = store.dispatcher.claim_runs
    taken: list[RunRecord] = []

    async def late(*args: object, **options: object) -> list[RunRecord]:
        claimed = await claim_runs(*args, **options)  # type: ignore[arg-type]
        if claimed and not taken:
            taken.extend(claimed)
            store.monotonic_s += LEASE_S
            await other._writer.run(lambda db: db.execute(TAKE))
            await until(lambda: store.dispatcher.term(engine.worker) is not None)  # it is renewed by now
        return claimed

    monkeypatch.setattr(store.dispatcher, "claim_runs", late)
    store.tell()
    engine = await lab.engine(store=store, lease_s=LEASE_S)
    engine._intake._line = True
    await lab.start(engine, "flow")
    await until(lambda: taken and not engine._intake.is_claiming)
    await until(lambda: not engine.driver.at_work)
    assert paying.paid == []
