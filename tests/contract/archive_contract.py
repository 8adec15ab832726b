"""What copies a store's runs to another store must keep: a subclass says from which kind of store to which.

The runs are made by the store's own methods, in every state that a run can be in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from fastagency_backend.store import Archive, Store, StoreError
from fastagency_backend.store.audit import Entry
from fastagency_backend.store.base import Lease, LeaseLost, NewRun, StoredEvent
from fastagency_backend.store.dispatch import Builds, Offer
from fastagency_backend.store.people import ApiToken, NewSession, Person, SessionRecord
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.transfer import Tally, extract, transfer
from fastagency_shared.run import RunStatus
from fastagency_shared.user import User

from tests.contract.store_contract import (
    LONG_S,
    answer,
    append,
    ask,
    body,
    claim,
    everything,
    new,
    note,
    record,
    run_id,
)

RUNS = range(1, 12)


@dataclass(frozen=True)
class Side:
    """A database: as a store, and as an archive."""

    store: Callable[[], Store]
    archive: Callable[[], Archive]


async def opened(side: Side) -> Store:
    store = side.store()
    await store.open(Deaf())
    return store


async def copied(source: Side, target: Side) -> Tally:
    return await asyncio.to_thread(transfer, source.archive(), target.archive(), lambda _tally: None)


async def fill(store: Store) -> None:
    """Runs in every state; the last two are of a worker that was killed."""
    dispatcher = store.dispatcher
    await dispatcher.offer_workflows([Offer("w", "Works", True, "7"), Offer("walk", "Walks ü", False)])
    await dispatcher.register_worker("a", LONG_S)
    for number in RUNS:
        await store.create_run(new(number, user=None if number % 2 else f"user-{number}", at=1000.25 + number))
    taken = {run.id: run for run in await dispatcher.claim_runs("a", ["w"], limit=100, builds=Builds("7"))}
    of = {number: Lease(run_id(number), taken[run_id(number)].fence, taken[run_id(number)].epoch) for number in RUNS}
    for number in RUNS:
        await append(store, of[number], "hello", f"{number}: \\u0000 ü \N{GRINNING FACE}")
        await record(store, of[number], "llm:1", 1, '{"text": "Grüße"}')
        await record(store, of[number], "Ä", 2)
        await ask(store, of[number], "q", 2e9 if number == 3 else None)
    for number in (2, 3, 4, 5, 7):
        assert await store.park_run(of[number])
    assert await answer(store, run_id(5), "q", '"yes"', "A title of its own")
    assert await answer(store, run_id(6), "q")
    await note(store, of[6], "q", 3)
    await store.finish_run(of[6], RunStatus.COMPLETED, '"done ü"', body("end"), 5.5)
    await store.finish_run(of[8], RunStatus.FAILED, None, body("end"), 6.5)
    await store.cancel_run(run_id(7), body("end"), 7.5)
    await store.rename_run(run_id(4), "renamed", 8.5)
    assert await store.expire_question(of[9], "q", '"default"', body("expired"), 9.5) is not None
    await store.rest(of[9], 3e9)
    assert await store.park_run(of[9]) is False
    assert await store.fork_run(run_id(6), "q", run_id(20), 10.5) is not None
    await store.delete_run(run_id(1))
    await dispatcher.register_worker("a", 0.05)
    await store.close()
    await asyncio.sleep(0.06)  # its lease is over


class ArchiveContract:
    """See the module's docstring."""

    @pytest.fixture
    def source(self) -> Side:
        raise NotImplementedError

    @pytest.fixture
    def target(self) -> Side:
        raise NotImplementedError

    async def test_all_of_every_run_is_copied_and_nobody_has_one(self, source: Side, target: Side) -> None:
        await fill(await opened(source))
        there = await opened(target)
        await there.close()
        tally = await copied(source, target)
        assert (tally.runs, tally.known, tally.workflows) == (11, 0, 2)
        here, there = await opened(source), await opened(target)
        assert await there.dispatcher.catalogue() == await here.dispatcher.catalogue()
        for number in (*RUNS, 20):
            run, events, log = await everything(here, number)
            copy, its_events, its_log = await everything(there, number)
            if run is None:
                assert (copy, number) == (None, 1)
                continue
            assert copy == (run if run.worker is None else replace(run, worker=None, status=RunStatus.READY))
            assert (its_events, its_log) == (events, log)
            assert await there.load_past(run_id(number)) == await here.load_past(run_id(number))
        await here.close()
        await there.close()

    async def test_runs_go_on_where_they_were(self, source: Side, target: Side) -> None:
        await fill(await opened(source))
        await copied(source, target)
        there = await opened(target)
        assert await answer(there, run_id(2), "q"), "an open question is open"
        assert await answer(there, run_id(3), "q"), "before its deadline"
        assert not await answer(there, run_id(6), "q")
        with pytest.raises(LeaseLost):
            await append(there, Lease(run_id(9), 1), "late")
        await there.dispatcher.register_worker("b", LONG_S)
        taken = await claim(there, "b")
        assert {2, 3, 5, 9, 10, 11} == {int(each, 16) for each in taken}
        assert await append(there, taken[run_id(10)], "more") == 3
        assert (await there.create_run(new(30)))[1]
        assert [run.id for run in await there.list_runs("user-4", limit=9, before=None)] == [run_id(4)]
        await there.close()

    async def test_a_second_copy_changes_nothing_and_says_the_same(self, source: Side, target: Side) -> None:
        await fill(await opened(source))
        first = await copied(source, target)
        again = await copied(source, target)
        assert (again.runs, again.known, again.digest, again.rows) == (11, 11, first.digest, first.rows)
        there = await opened(target)
        assert [event.seq for event in (await everything(there, 2))[1]] == [1, 2]
        await there.close()

    async def test_what_is_known_of_people_is_copied(self, source: Side, target: Side) -> None:
        anna = User("anna", "Anna", frozenset({"manager"}), "anna@example.org")
        here = await opened(source)
        await here.people.open_session(NewSession("s", "hash", anna, 0.0, 9e9, 9e9))
        await here.people.add_token(ApiToken("t", "anna", "nightly", 1.0, 9e9), "token hash")
        await here.people.record(Entry("look", 2.0, by="anna"))
        await here.create_run(NewRun(run_id(), "w", "{}", "anna", "t", True, 1.0, started_by=anna.to_json()))
        await here.close()
        for known in (0, 6):
            assert (await copied(source, target)).people == 6, known
        here, there = await opened(source), await opened(target)
        for store in (here, there):
            run = await store.get_run(run_id())
            assert run is not None
            assert run.user == anna
            assert await store.people.person("anna") == Person(anna, 0.0, 0.0)
            assert await store.people.find_session("hash", 1.0) == SessionRecord("s", anna, 9e9)
            assert await store.people.live_tokens(["t"], 1.0) == {"t"}
            assert await store.people.pseudonyms() == await here.people.pseudonyms()
            assert await store.people.audit() == await here.people.audit()
        await there.people.record(Entry("look again", 3.0))
        await here.close()
        await there.close()
        await copied(source, target)
        here = await opened(source)
        await here.people.record(Entry("look elsewhere", 3.0))
        await here.close()
        with pytest.raises(StoreError, match="an audit log of its own"):
            await copied(source, target)

    async def test_other_runs_of_the_target_stay(self, source: Side, target: Side) -> None:
        await fill(await opened(source))
        there = await opened(target)
        await there.create_run(new(40))
        await there.close()
        assert (await copied(source, target)).runs == 11
        there = await opened(target)
        assert len(await there.walk_runs(after="", limit=100, ended=True)) == 12
        await there.close()

    async def test_a_run_that_went_on_in_the_target_is_refused(self, source: Side, target: Side) -> None:
        await fill(await opened(source))
        await copied(source, target)
        there = await opened(target)
        await answer(there, run_id(2), "q")
        await there.close()
        with pytest.raises(StoreError, match=f"run {run_id(2)} that is not the one"):
            await copied(source, target)

    async def test_what_a_deleted_run_left_in_the_target_is_not_in_the_way(self, source: Side, target: Side) -> None:
        await fill(await opened(source))
        await copied(source, target)
        there = await opened(target)
        assert await there.delete_run(run_id(2))
        await there.close()
        assert (await copied(source, target)).known == 10
        there = await opened(target)
        assert [event.seq for event in (await everything(there, 2))[1]] == [1, 2]
        await there.close()

    @pytest.mark.parametrize("used", ["source", "target"])
    async def test_a_database_that_a_worker_uses_is_refused(self, used: str, source: Side, target: Side) -> None:
        await fill(await opened(source))
        store = await opened({"source": source, "target": target}[used])
        await store.dispatcher.register_worker("b", LONG_S)
        with pytest.raises(StoreError, match="Stop"):
            await copied(source, target)
        await store.dispatcher.release_worker("b")
        await store.close()
        assert (await copied(source, target)).runs == 11

    async def test_nobody_writes_to_the_source_meanwhile(self, source: Side, target: Side) -> None:
        await fill(await opened(source))
        with source.archive().to_read(alone=True):
            asking = asyncio.create_task(write(source))
            await asyncio.wait([asking], timeout=0.3)
            assert not asking.done()
        await asking

    async def test_a_database_is_not_copied_onto_itself(self, source: Side) -> None:
        await fill(await opened(source))
        with pytest.raises(StoreError, match="the same database"):
            await copied(source, source)

    async def test_open_runs_are_taken_out_of_a_database_in_use(self, source: Side, target: Side) -> None:
        await fill(await opened(source))
        store = await opened(source)
        assert await asyncio.to_thread(lambda: extract(source.archive(), target.archive(), ended=False)) == 8
        assert await answer(store, run_id(2), "q")
        await store.close()


async def write(side: Side) -> StoredEvent | None:
    store = await opened(side)
    try:
        return await store.cancel_run(run_id(2), body("end"), 1.0)
    finally:
        await store.close()
