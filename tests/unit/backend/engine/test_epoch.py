"""After a failover that has lost the newest messages: nobody goes on from what is not in the log any more."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.engine import chore
from fastagency_backend.engine.run import Run
from fastagency_backend.store.base import Lease, LeaseLost, RunLog, RunRecord, StoredEvent, StoreError
from fastagency_shared.errors import StaleCursor
from fastagency_shared.messages import TextInput, TextMessage

from tests.fakes.epoch import FailingOver
from tests.fakes.lab import Lab, run_id, until
from tests.unit.backend.engine.test_run import register

attempts = count()


async def saying(run: Run) -> None:
    """Says something else each time that it is called, as a model does; then asks."""

    async def word() -> str:
        return f"word {next(attempts)}"

    said = await run.step("model", "", {}, word)
    run.emit(TextMessage(body=str(said)))
    await run.ask(TextInput())


def bodies(events: list[StoredEvent]) -> list[str]:
    return [event.body for event in events]


@pytest.fixture
def store(tmp_path: Path) -> FailingOver:
    return FailingOver(tmp_path / "runs.sqlite3")


async def asked(lab: Lab, store: FailingOver) -> list[StoredEvent]:
    """A run that has said something and asks; its log."""
    register(lab, saying)
    engine = await lab.engine(store=store)
    await lab.start(engine, "flow")
    await lab.question(engine)
    return list((await store.read_events(run_id(), after=0, limit=100)).events)


async def test_a_watcher_is_sent_home_and_its_cursor_is_refused(lab: Lab, store: FailingOver) -> None:
    before = await asked(lab, store)
    service = lab.engines[0].service
    seen: list[StoredEvent] = []

    async def watch() -> None:
        async with aclosing(service.readers.watch(run_id(), after=0, beat_s=3600)) as batches:
            async for batch in batches:
                seen.extend(item for item in batch if isinstance(item, StoredEvent))

    watching = asyncio.create_task(watch())
    await until(lambda: len(seen) == 3)
    await store.fail_over(run_id(), keep=1)
    await asyncio.wait_for(watching, 60)
    assert seen == before
    for cursor in ({"after": 3, "epoch": 0}, {"after": 3, "epoch": 2}):
        with pytest.raises(StaleCursor):
            await service.get_to_follow(run_id(), None, **cursor)
        with pytest.raises(StaleCursor):
            await service.read(run_id(), None, limit=100, **cursor)
    assert (await service.get_to_follow(run_id(), None, after=3, epoch=1)).epoch == 1
    assert (await service.read(run_id(), None, after=0, limit=100)).run is not None


async def test_a_page_before_a_cursor_of_another_epoch_is_refused_if_it_says_which(
    lab: Lab, store: FailingOver
) -> None:
    await asked(lab, store)
    service = lab.engines[0].service
    await store.fail_over(run_id(), keep=1)
    with pytest.raises(StaleCursor):
        await service.read(run_id(), None, after=0, limit=100, before=3, epoch=0)
    assert len((await service.read(run_id(), None, after=0, limit=100, before=2)).events) == 1


async def test_the_worker_drops_its_runs_and_takes_them_up_from_what_is_left(lab: Lab, store: FailingOver) -> None:
    before = await asked(lab, store)
    engine = lab.engines[0]
    dropped = engine.driver.live[run_id()]
    await store.fail_over(run_id(), keep=1)

    async def asked_again() -> list[StoredEvent]:
        page = await store.read_events(run_id(), after=0, limit=100)
        return list(page.events) if page.run is not None and page.run.questions else []

    after = await until(asked_again)
    assert dropped.evicted
    assert engine.driver.live[run_id()].lease.epoch == 1
    assert [event.seq for event in after] == [1, 2, 3]
    assert bodies(after)[:1] == bodies(before)[:1]
    assert bodies(after)[1] != bodies(before)[1]
    await lab.answer(engine, "x")
    await lab.completed(engine)


async def test_runs_are_dropped_whether_or_not_this_worker_gets_them_again(
    lab: Lab, store: FailingOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asked(lab, store)
    engine = lab.engines[0]
    dropped = engine.driver.live[run_id()]

    async def nothing(*_: object, **__: object) -> list[RunRecord]:
        return []

    monkeypatch.setattr(store.dispatcher, "claim_runs", nothing)
    monkeypatch.setattr(engine.driver, "look", nothing)
    await store.fail_over(run_id(), keep=1)
    await until(lambda: not engine.driver.live)
    assert dropped.evicted


async def test_nothing_is_written_under_a_lease_of_an_earlier_epoch_though_the_fence_is_right(
    lab: Lab, store: FailingOver
) -> None:
    await asked(lab, store)
    engine = lab.engines[0]
    await store.fail_over(run_id(), keep=1)
    await until(lambda: engine.driver.live.get(run_id()) is not None and engine.driver.live[run_id()].lease.epoch)
    await lab.question(engine)
    fence = engine.driver.live[run_id()].lease.fence
    with pytest.raises(LeaseLost):
        await store.rest(Lease(run_id(), fence), None)
    await store.rest(Lease(run_id(), fence, 1), None)


async def test_what_was_driven_at_the_time_writes_nothing_any_more(lab: Lab, store: FailingOver) -> None:
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def busy(run: Run) -> None:
        await run.drain()
        began.set()
        await goes_on.wait()
        run.emit(TextMessage(body="late"))
        await run.drain()
        await asyncio.sleep(0)

    register(lab, busy)
    engine = await lab.engine(store=store)
    await lab.start(engine, "flow")
    stale = (await until(lambda: engine.driver.live.get(run_id()))).lease
    await began.wait()

    async def written() -> int:
        return len((await store.read_events(run_id(), after=0, limit=100)).events)

    await until(written)
    store._now += 1  # the failover is not noticed yet
    goes_on.set()
    await until(lambda: store.refused)
    assert await written() == 1
    store._hears.begun_anew()
    await lab.completed(engine)
    assert stale.epoch == 0


class Paying:
    """A run that pays once, and who began to."""

    def __init__(self) -> None:
        self.paid: list[int] = []

    async def work(self, run: Run) -> None:
        async def pay() -> int:
            self.paid.append(run.lease.fence)
            return run.lease.fence

        await run.step("pay", "", {}, pay)


async def test_what_was_claimed_before_the_new_epoch_was_known_is_begun_by_its_next_owner_only(
    lab: Lab, store: FailingOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log is read when all runs are given back, so that it is not in memory yet."""
    register(lab, (paying := Paying()).work)
    engine = await lab.engine(store=store)
    engine._intake._line = True  # so that it is claimed
    load_log, reading, readable = store.load_log, asyncio.Event(), asyncio.Event()

    async def late(run_id: str) -> RunLog:
        log = await load_log(run_id)
        if not reading.is_set():
            reading.set()
            await readable.wait()
        return log

    monkeypatch.setattr(store, "load_log", late)
    store._now += 1
    await lab.start(engine, "flow")
    await reading.wait()
    store._hears.begun_anew()
    await lab.completed(engine)
    readable.set()
    await until(lambda: not engine.driver.at_work)
    assert paying.paid == [2]


async def test_nothing_is_taken_up_while_the_worker_registers_in_the_new_epoch(
    lab: Lab, store: FailingOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither what is created in that moment nor what is claimed: it would be dropped, or be given back under way."""
    register(lab, (paying := Paying()).work)
    engine = await lab.engine(store=store)
    dispatcher = store.dispatcher
    release, claim_runs = dispatcher.release_worker, dispatcher.claim_runs
    releasing, goes_on = asyncio.Event(), asyncio.Event()
    claims: list[bool] = []

    async def slowly(worker: str) -> None:
        releasing.set()
        await goes_on.wait()
        await release(worker)

    async def noted(*args: Any, **options: Any) -> list[RunRecord]:
        claims.append(releasing.is_set() and not goes_on.is_set())
        return await claim_runs(*args, **options)

    monkeypatch.setattr(dispatcher, "release_worker", slowly)
    monkeypatch.setattr(dispatcher, "claim_runs", noted)
    engine._intake._line = False
    await store.fail_over(run_id(), keep=0)
    await releasing.wait()
    await lab.start(engine, "flow")
    for _ in range(20):
        engine.driver.idle_hands.set()
        await asyncio.sleep(0.005)
    assert not any(claims)
    assert paying.paid == []
    goes_on.set()
    await lab.completed(engine)
    assert paying.paid == [1]


async def test_a_worker_that_cannot_register_at_once_in_the_new_epoch_does_so_later(
    lab: Lab, store: FailingOver, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(lab, (paying := Paying()).work)
    engine = await lab.engine(store=store)
    register_worker, tried = store.dispatcher.register_worker, 0

    async def second_time(*args: Any) -> None:
        nonlocal tried
        tried += 1
        if tried == 1:
            raise StoreError("The database is away.")
        await register_worker(*args)

    monkeypatch.setattr(chore, "RETRY_S", 0.01)
    monkeypatch.setattr(store.dispatcher, "register_worker", second_time)
    await store.fail_over(run_id(), keep=0)
    await until(lambda: tried == 2)
    await lab.start(engine, "flow")
    await lab.completed(engine)
    assert paying.paid == [1]
