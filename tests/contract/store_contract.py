"""What every store must do: subclass `StoreContract`, give it a `make_store` fixture, and its tests are yours.

Two stores that `make_store` makes in one test keep the same runs, as two processes on one file do.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from fastagency_backend.store.base import (
    KEY_VERSION,
    Answered,
    Lease,
    LeaseLost,
    NewRun,
    Place,
    RunRecord,
    StepRecord,
    Store,
    StoredEvent,
)
from fastagency_backend.store.dispatch import NO_LIMITS, AtWork
from fastagency_backend.store.signals import Deaf
from fastagency_shared.run import RunStatus

from tests.fakes.bus import fences

MakeStore = Callable[[], Store]
OpenStore = Callable[[], Awaitable[Store]]
LONG_S = 3600.0


def run_id(number: int = 1) -> str:
    return f"{number:032x}"


def new(number: int = 1, *, workflow: str = "w", user: str | None = None, at: float = 1000.0) -> NewRun:
    return NewRun(run_id(number), workflow, "{}", user, "title", True, at)


def body(text: str) -> str:
    return f'{{"type":"text_message","content":{{"body":"{text}"}}}}'


def question(uuid: str) -> str:
    return f'{{"type":"text_input","uuid":"{uuid}","content":{{}}}}'


@dataclass
class Written:
    """Takes down the outcome of a write that is not awaited."""

    future: asyncio.Future[int | None]

    @classmethod
    def now(cls) -> Written:
        return cls(asyncio.get_running_loop().create_future())

    def __call__(self, seq: int | None, error: Exception | None) -> None:
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(seq)


async def append(store: Store, lease: Lease, key: str, text: str = "x") -> int:
    written = Written.now()
    store.append_event(lease, key, body(text), 1.0, written)
    seq = await written.future
    assert seq is not None
    return seq


async def record(store: Store, lease: Lease, key: str, order: int, value: str = "1") -> None:
    written = Written.now()
    store.append_step(lease, key, StepRecord(order, value), written)
    await written.future


async def note(store: Store, lease: Lease, uuid: str, order: int) -> None:
    written = Written.now()
    store.note_answer(lease, uuid, order, written)
    await written.future


async def ask(store: Store, lease: Lease, uuid: str, due: float | None = None) -> StoredEvent:
    return await store.open_question(lease, f"ask:{uuid}", uuid, question(uuid), 1.0, due)


async def answer(store: Store, run: str, uuid: str, value: str = '"yes"', title: str | None = None) -> bool:
    return await store.answer_question(run, uuid, value, body("answer"), 2.0, title) is not None


def place(lease: Lease, order: int, taken: Callable[[Answered], None] = lambda _answered: None) -> Place:
    return Place(lease, order, taken)


async def answer_here(store: Store, uuid: str, where: Place, run: str | None = None) -> Answered | None:
    """An answer in the process that drives the run."""
    return await store.answer_question(run or run_id(), uuid, '"yes"', body("answer"), 2.0, None, where)


async def claim(
    store: Store, worker: str, *, limit: int = 100, workflows: Sequence[str] = ("w",), at_work: AtWork = NO_LIMITS
) -> dict[str, Lease]:
    records = await store.dispatcher.claim_runs(worker, workflows, limit=limit, at_work=at_work)
    return {record.id: Lease(record.id, record.fence, record.epoch) for record in records}


async def owned(store: Store, number: int = 1, *, worker: str = "a") -> Lease:
    """A fresh run that the worker owns."""
    await store.dispatcher.register_worker(worker, LONG_S)
    await store.create_run(new(number))
    return (await claim(store, worker))[run_id(number)]


async def status(store: Store, number: int = 1) -> RunStatus:
    record = await store.get_run(run_id(number))
    assert record is not None
    return record.status


async def everything(store: Store, number: int = 1) -> tuple[Any, ...]:
    """All that the store tells of a run."""
    page = await store.read_events(run_id(number), after=0, limit=10_000)
    return page.run, page.events, await store.load_log(run_id(number))


async def seqs(store: Store, number: int = 1) -> list[int]:
    page = await store.read_events(run_id(number), after=0, limit=10_000)
    return [event.seq for event in page.events]


class StoreContract:
    """See the module's docstring; `store_contract_clients.py` has the half about clients."""

    @pytest.fixture
    async def open_store(self, make_store: MakeStore, no_blocking: None) -> AsyncIterator[OpenStore]:
        opened: list[Store] = []

        async def open_one() -> Store:
            store = make_store()
            await store.open(Deaf())
            opened.append(store)
            return store

        yield open_one
        for store in opened:
            await store.close()

    @pytest.fixture
    async def store(self, open_store: OpenStore) -> Store:
        return await open_store()

    # --- creation -------------------------------------------------------------------------------------------------

    async def test_creating_again_returns_the_run_as_it_is(self, store: Store) -> None:
        first, created = await store.create_run(new(user="u", at=5.0))
        assert created
        assert first == RunRecord(run_id(), "w", "{}", "u", RunStatus.READY, "title", None, True, None, 0, 5.0, 5.0)
        again, created = await store.create_run(NewRun(run_id(), "other", "[]", None, "t", False, 9.0))
        assert not created
        assert again == first == await store.get_run(run_id())

    async def test_a_run_keeps_the_version_of_its_keys(self, store: Store) -> None:
        older, _ = await store.create_run(replace(new(1), key_version=1))
        newer, _ = await store.create_run(new(2))
        assert (older.key_version, newer.key_version) == (1, KEY_VERSION)
        claimed = await store.dispatcher.claim_runs("worker", ["w"], limit=2)
        assert {run.id: run.key_version for run in claimed} == {older.id: 1, newer.id: KEY_VERSION}

    async def test_one_of_many_creations_at_once_wins(self, open_store: OpenStore) -> None:
        stores = [await open_store(), await open_store()]
        outcomes = await asyncio.gather(*(stores[i % 2].create_run(new(user=str(i))) for i in range(20)))
        assert [created for _, created in outcomes].count(True) == 1
        assert len({record.user_id for record, _ in outcomes}) == 1

    async def test_what_does_not_exist(self, store: Store) -> None:
        assert await store.get_run(run_id()) is None
        assert await store.rename_run(run_id(), "t", 1.0) is None
        assert not await store.delete_run(run_id())
        assert await store.cancel_run(run_id(), body("end"), 1.0) is None
        assert not await answer(store, run_id(), "q")
        page = await store.read_events(run_id(), after=0, limit=10)
        assert (page.run, page.events, page.more) == (None, (), False)

    # --- ownership ------------------------------------------------------------------------------------------------

    async def test_a_claim_takes_what_is_ready_oldest_first_of_known_workflows(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        for number, at in ((1, 30.0), (2, 10.0), (3, 20.0)):
            await store.create_run(new(number, at=at))
        await store.create_run(new(4, workflow="unknown", at=1.0))
        assert list(await claim(store, "a", limit=2)) == [run_id(2), run_id(3)]
        assert list(await claim(store, "a")) == [run_id(1)]
        assert await claim(store, "a") == {}
        assert fences(await store.dispatcher.owned_runs("a")) == {run_id(n): 1 for n in (1, 2, 3)}

    async def test_workers_that_claim_at_once_share_without_overlap(self, open_store: OpenStore) -> None:
        stores = [await open_store(), await open_store()]
        for worker, store in zip("ab", stores, strict=True):
            await store.dispatcher.register_worker(worker, LONG_S)
        for number in range(40):
            await stores[0].create_run(new(number))
        claims = await asyncio.gather(*(claim(stores[i % 2], "ab"[i % 2], limit=3) for i in range(20)))
        taken = [run for each in claims for run in each]
        assert sorted(taken) == sorted(run_id(n) for n in range(40))

    async def test_a_run_of_a_living_worker_is_not_taken_and_of_a_dead_one_is(self, open_store: OpenStore) -> None:
        dying, other = await open_store(), await open_store()
        lease = await owned(dying, worker="dying")
        await other.dispatcher.register_worker("b", LONG_S)
        assert await claim(other, "b") == {}
        await dying.dispatcher.register_worker("dying", 0.1)
        await dying.close()  # nobody renews the lease any more
        async with asyncio.timeout(30):
            while not (taken := await claim(other, "b")):
                await asyncio.sleep(0.02)
        assert taken[run_id()].fence > lease.fence
        assert await other.dispatcher.owned_runs("dying") == {}

    async def test_a_released_worker_gives_its_runs_to_others(self, store: Store) -> None:
        lease = await owned(store)
        await owned(store, 2)
        await ask(store, lease, "q")
        await store.dispatcher.release_worker("a")
        assert [await status(store, n) for n in (1, 2)] == [RunStatus.READY] * 2
        await store.dispatcher.register_worker("b", LONG_S)
        assert {lease.fence for lease in (await claim(store, "b")).values()} == {2}
        assert [await status(store, n) for n in (1, 2)] == [RunStatus.WAITING, RunStatus.RUNNING]

    async def test_the_stretches_of_a_lease_are_told_apart(self, store: Store) -> None:
        assert store.dispatcher.term("a") is None
        await store.dispatcher.register_worker("a", LONG_S)
        first = store.dispatcher.term("a")
        await claim(store, "a")
        assert store.dispatcher.term("a") == first is not None
        assert store.dispatcher.term("b") is None
        await store.dispatcher.release_worker("a")
        assert store.dispatcher.term("a") is None
        await store.dispatcher.register_worker("a", LONG_S)
        assert store.dispatcher.term("a") not in (None, first)

    async def test_what_a_worker_owns_and_does_not_drive_is_given_back(self, store: Store) -> None:
        lease, kept, waits = await owned(store), await owned(store, 2), await owned(store, 3)
        await ask(store, waits, "q")
        fences_given = {run_id(): lease.fence, run_id(2): kept.fence + 1, run_id(3): waits.fence, run_id(9): 1}
        await store.dispatcher.give_back_runs("another", fences_given)
        assert [await status(store, n) for n in (1, 2, 3)] == [RunStatus.RUNNING] * 2 + [RunStatus.WAITING]
        await store.dispatcher.give_back_runs("a", {})
        await store.dispatcher.give_back_runs("a", fences_given)
        assert [await status(store, n) for n in (1, 2, 3)] == [RunStatus.READY, RunStatus.RUNNING, RunStatus.READY]
        assert fences(await store.dispatcher.owned_runs("a")) == {run_id(2): kept.fence}
        for stale in (lease, waits):
            with pytest.raises(LeaseLost):
                await append(store, stale, "k")
        await store.dispatcher.register_worker("b", LONG_S)
        assert {each.fence for each in (await claim(store, "b")).values()} == {2}
        assert [await status(store, n) for n in (1, 3)] == [RunStatus.RUNNING, RunStatus.WAITING]
        assert await append(store, kept, "k") == 1

    @pytest.mark.parametrize("how", ["taken over", "completed", "cancelled", "deleted"])
    async def test_a_stale_owner_writes_nothing(self, store: Store, how: str) -> None:
        lease = await owned(store)
        await ask(store, lease, "q")
        await answer(store, run_id(), "q")
        match how:
            case "taken over":
                await store.dispatcher.release_worker("a")
                await store.dispatcher.register_worker("b", LONG_S)
                assert await claim(store, "b")
            case "completed":
                await store.finish_run(lease, RunStatus.COMPLETED, "r", body("end"), 1.0)
            case "cancelled":
                await store.cancel_run(run_id(), body("end"), 1.0)
            case "deleted":
                await store.delete_run(run_id())
        before = await everything(store)
        attempts: list[Callable[[], Awaitable[object]]] = [
            lambda: append(store, lease, "k"),
            lambda: record(store, lease, "k", 1),
            lambda: ask(store, lease, "q2"),
            lambda: note(store, lease, "q", 1),
            lambda: store.finish_run(lease, RunStatus.FAILED, None, body("end"), 1.0),
        ]
        for attempt in attempts:
            with pytest.raises(LeaseLost):
                await attempt()
        assert not await store.park_run(lease)
        assert await everything(store) == before

    async def test_a_refused_write_does_not_spoil_its_neighbours(self, store: Store) -> None:
        lease = await owned(store)
        stale = Lease(lease.run_id, lease.fence + 7)
        outcomes = await asyncio.gather(
            append(store, lease, "1"),
            ask(store, stale, "q"),
            append(store, stale, "2"),
            store.finish_run(stale, RunStatus.FAILED, None, body("end"), 1.0),
            append(store, lease, "3"),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [int, LeaseLost, LeaseLost, LeaseLost, int]
        assert await seqs(store) == [1, 2]

    # --- the log --------------------------------------------------------------------------------------------------

    async def test_events_are_numbered_in_the_order_they_were_handed_over(self, store: Store) -> None:
        lease = await owned(store)
        told: list[tuple[str, int | None]] = []

        def tell(key: str) -> Callable[[int | None, Exception | None], None]:
            return lambda seq, _: told.append((key, seq))

        for number in range(200):
            store.append_event(lease, f"e{number}", body(str(number)), 1.0, tell(f"e{number}"))
            store.append_step(lease, f"s{number}", StepRecord(number + 1, "1"), tell(f"s{number}"))
        await append(store, lease, "last")
        assert told == [pair for n in range(200) for pair in ((f"e{n}", n + 1), (f"s{n}", 0))]
        page = await store.read_events(run_id(), after=0, limit=1000)
        assert [event.body for event in page.events[:-1]] == [body(str(n)) for n in range(200)]

    async def test_as_many_as_come_at_once_are_numbered_and_kept_as_they_came(self, store: Store) -> None:
        lease = await owned(store)
        for count in (1, 39, 40, 41, 123):
            first = (await store.read_events(run_id(), after=0, limit=10_000)).run
            assert first is not None
            texts = [f"{count}.{number}" for number in range(count)]
            numbers = await asyncio.gather(*(append(store, lease, text, text) for text in texts))
            assert numbers == list(range(first.last_seq + 1, first.last_seq + 1 + count))
            page = await store.read_events(run_id(), after=first.last_seq, limit=1000)
            assert [event.body for event in page.events] == [body(text) for text in texts]

    async def test_events_may_be_appended_from_any_thread(self, store: Store) -> None:
        lease = await owned(store)
        written = [Written.now() for _ in range(100)]

        def write(part: int) -> None:
            for number in range(part, 100, 4):
                store.append_event(lease, str(number), body(str(number)), 1.0, written[number])

        threads = [threading.Thread(target=write, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        numbers = await asyncio.gather(*(each.future for each in written))
        for thread in threads:
            thread.join()
        assert sorted(n for n in numbers if n is not None) == list(range(1, 101)) == await seqs(store)
        for part in range(4):  # each thread's own events keep their order
            own = [numbers[number] or 0 for number in range(part, 100, 4)]
            assert own == sorted(own)

    async def test_the_log_has_no_gap_when_two_stores_write_at_once(self, open_store: OpenStore) -> None:
        one, two = await open_store(), await open_store()
        lease, other = await owned(one), await owned(two, 2, worker="b")
        for number in range(20):
            await ask(one, lease, f"q{number}")
        await asyncio.gather(
            *(append(one, lease, str(n)) for n in range(150)),
            *(append(two, other, str(n)) for n in range(150)),
            *(answer(two, run_id(), f"q{n}") for n in range(20)),
        )
        assert await seqs(one) == list(range(1, 20 + 150 + 20 + 1))
        assert await seqs(one, 2) == list(range(1, 151))

    async def test_what_is_done_is_seen_at_once_by_every_store(self, open_store: OpenStore) -> None:
        one, two = await open_store(), await open_store()
        lease = await owned(one)
        for number in range(20):
            await append(one, lease, str(number))
            for store in (one, two):
                assert await seqs(store) == list(range(1, 3 * number + 2))
                assert (await store.heads([run_id()]))[run_id()][0] == 3 * number + 1
            await ask(one, lease, f"q{number}")
            assert await two.read_answer(run_id(), f"q{number}") is None
            assert await answer(two, run_id(), f"q{number}") != await answer(one, run_id(), f"q{number}")
            assert await one.read_answer(run_id(), f"q{number}") == '"yes"'

    async def test_the_log_for_replay_has_everything(self, store: Store) -> None:
        lease = await owned(store)
        await append(store, lease, "k1")
        await record(store, lease, "s1", 1, '"a"')
        await ask(store, lease, "q")
        await answer(store, run_id(), "q", '"b"')
        await note(store, lease, "q", 2)
        log = await store.load_log(run_id())
        assert log.steps == {"s1": StepRecord(1, '"a"')}
        asked = log.questions["ask:q"]
        assert (asked.uuid, asked.value, asked.order) == ("q", '"b"', 2)
        assert {"k1", "ask:q"} <= log.event_keys

    async def test_what_was_asked_is_kept_for_people_only(self, store: Store) -> None:
        lease = await owned(store)
        await append(store, lease, "k1", "hello")
        await record(store, lease, "s1", 1)
        written = Written.now()
        store.append_step(lease, "s2", StepRecord(2, "1", '{"town":"Rome"}'), written)
        await written.future
        past = await store.load_past(run_id())
        assert past.asked == {"s1": None, "s2": '{"town":"Rome"}'}
        assert past.said == {"k1": body("hello")}
        assert (await store.load_log(run_id())).steps["s2"] == StepRecord(2, "1")

    async def test_all_runs_in_pages(self, store: Store) -> None:
        lease = await owned(store, 1)
        await store.finish_run(lease, RunStatus.COMPLETED, None, body("end"), 2.0)
        for number in range(2, 6):
            await store.create_run(new(number, user=f"user{number}"))

        async def walk(*, ended: bool) -> list[str]:
            found: list[str] = []
            while page := await store.walk_runs(after=found[-1] if found else "", limit=2, ended=ended):
                found += [record.id for record in page]
            return found

        assert await walk(ended=False) == [run_id(number) for number in range(2, 6)]
        assert await walk(ended=True) == [run_id(number) for number in range(1, 6)]

    async def test_a_closed_store_has_written_what_it_was_given(self, open_store: OpenStore) -> None:
        store = await open_store()
        lease = await owned(store)
        for number in range(500):
            store.append_event(lease, str(number), body("x"), 1.0, lambda *_: None)
        await store.close()
        assert await seqs(await open_store()) == list(range(1, 501))
