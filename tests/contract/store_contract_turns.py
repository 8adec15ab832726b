"""The third part of the store's contract: moments at which something is due, and whose turn it is."""

from __future__ import annotations

import asyncio
import time

import pytest
from fastagency_backend.store.base import EXPIRED, QuestionRecord, Store, StoredEvent
from fastagency_backend.store.dispatch import AtWork, Line
from fastagency_shared.run import RunStatus

from tests.contract.store_contract import (
    LONG_S,
    OpenStore,
    StoreContract,
    answer,
    ask,
    body,
    claim,
    new,
    note,
    owned,
    run_id,
    seqs,
    status,
)

PAST = 1.0


async def expire(store: Store, lease: object, uuid: str, value: str = EXPIRED) -> StoredEvent | None:
    return await store.expire_question(lease, uuid, value, body("expired"), 2.0)  # type: ignore[arg-type]


class TurnStoreContract(StoreContract):
    """See `StoreContract`."""

    # --- deadlines ------------------------------------------------------------------------------------------------

    async def test_no_answer_is_taken_after_the_deadline(self, store: Store) -> None:
        lease = await owned(store)
        await ask(store, lease, "late", PAST)
        await ask(store, lease, "in time", await store.now() + LONG_S)
        assert not await answer(store, run_id(), "late")
        assert await answer(store, run_id(), "in time")
        assert [await store.has_expired(run_id(), uuid) for uuid in ("late", "in time", "?")] == [True, False, False]
        assert (await store.load_log(run_id())).questions["ask:late"] == QuestionRecord("late", None, None, PAST)

    async def test_what_counts_at_the_deadline_is_recorded_and_the_run_goes_on(self, store: Store) -> None:
        lease = await owned(store)
        await ask(store, lease, "q", PAST)
        assert (await expire(store, lease, "q", '"default"') or StoredEvent(0, 0, "")).seq == 2
        assert await status(store) == RunStatus.RUNNING
        assert await store.read_answer(run_id(), "q") == '"default"'
        assert await store.has_expired(run_id(), "q")
        assert await expire(store, lease, "q") is None
        assert not await answer(store, run_id(), "q")
        assert not await store.park_run(lease), "it has not reached the run"
        assert await seqs(store) == [1, 2]

    async def test_an_answer_that_came_before_wins(self, store: Store) -> None:
        lease = await owned(store)
        await ask(store, lease, "q", await store.now() + LONG_S)
        assert await answer(store, run_id(), "q", '"yes"')
        assert await expire(store, lease, "q") is None
        assert await store.read_answer(run_id(), "q") == '"yes"'
        assert not await store.has_expired(run_id(), "q")

    async def test_of_an_answer_and_the_deadline_exactly_one_counts(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        await here.dispatcher.register_worker("a", LONG_S)
        for number in range(40):
            await here.create_run(new(number))
        leases = await claim(here, "a")
        soon = await here.now() + 0.1
        await asyncio.gather(*(ask(here, lease, "q", soon) for lease in leases.values()))
        await asyncio.sleep(max(0.0, soon - time.time()))
        expired, answered = await asyncio.gather(
            asyncio.gather(*(expire(here, lease, "q") for lease in leases.values())),
            asyncio.gather(*(answer(there, run, "q") for run in leases)),
        )
        for lease, event, taken in zip(leases.values(), expired, answered, strict=True):
            assert (event is not None) != taken
            assert await here.read_answer(lease.run_id, "q") == ('"yes"' if taken else EXPIRED)
            assert await seqs(here, int(lease.run_id, 16)) == [1, 2]

    async def test_a_parked_run_is_claimed_at_its_deadline(self, store: Store) -> None:
        lease = await owned(store)
        other = await owned(store, 2)
        await ask(store, lease, "q", PAST)
        await ask(store, other, "q", await store.now() + LONG_S)
        assert await store.park_run(lease)
        assert await store.park_run(other)
        due = await store.dispatcher.next_due()
        assert due is not None
        assert due < 0
        assert list(await claim(store, "a")) == [run_id()]
        assert await status(store) == RunStatus.RUNNING, "nobody can answer any more"
        due = await store.dispatcher.next_due()
        assert due is not None
        assert 0 < due <= LONG_S

    # --- sleep ----------------------------------------------------------------------------------------------------

    async def test_a_run_rests_and_goes_on(self, store: Store) -> None:
        lease = await owned(store)
        assert await store.dispatcher.next_due() is None
        await store.rest(lease, await store.now() + LONG_S)
        assert await status(store) == RunStatus.WAITING
        assert await store.dispatcher.next_due() is None, "a worker has it"
        await ask(store, lease, "q")
        await answer(store, run_id(), "q")
        assert await status(store) == RunStatus.WAITING
        await store.rest(lease, None)
        assert await status(store) == RunStatus.RUNNING

    async def test_a_parked_run_that_rests_is_claimed_at_its_moment(self, store: Store) -> None:
        leases = [await owned(store, number) for number in (1, 2, 3)]
        for lease, due in zip(leases, (PAST, await store.now() + LONG_S, PAST), strict=True):
            await store.rest(lease, due)
            assert await store.park_run(lease)
        assert list(await claim(store, "a")) == [run_id(1), run_id(3)]
        assert [await status(store, number) for number in (1, 2, 3)] == ["running", "waiting", "running"]

    async def test_an_answer_brings_a_resting_run_back_before_its_moment(self, store: Store) -> None:
        lease = await owned(store)
        await store.rest(lease, await store.now() + LONG_S)
        await ask(store, lease, "q")
        assert await store.park_run(lease)
        assert await answer(store, run_id(), "q")
        assert await store.dispatcher.next_due() is None
        again = (await claim(store, "a"))[run_id()]
        await note(store, again, "q", 1)
        assert not await store.park_run(again), "it goes on"

    # --- turns ----------------------------------------------------------------------------------------------------

    async def test_claims_go_round_by_user(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        for number in range(6):
            await store.create_run(new(number, user="busy", at=float(number)))
        await store.create_run(new(6, user="late", at=10.0))
        await store.create_run(new(7, at=11.0))
        await store.create_run(new(8, user="late", at=12.0))
        assert [int(run, 16) for run in await claim(store, "a", limit=5)] == [0, 6, 7, 1, 8]
        assert [int(run, 16) for run in await claim(store, "a")] == [2, 3, 4, 5]

    async def test_who_had_a_turn_waits_for_the_others_even_if_nothing_is_at_work_meanwhile(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        for number in range(6):
            await store.create_run(new(number, user="ab"[number // 3], at=float(number)))
        turns = []
        for _ in range(6):
            ((run, lease),) = (await claim(store, "a", limit=1)).items()
            await store.finish_run(lease, RunStatus.COMPLETED, None, body("end"), 1.0)
            turns.append(int(run, 16))
        assert turns == [0, 3, 1, 4, 2, 5]

    async def test_no_more_of_a_user_are_at_work_than_the_limit(self, open_store: OpenStore) -> None:
        stores = [await open_store(), await open_store()]
        limits = AtWork(per_user=2)
        for worker, store in zip("ab", stores, strict=True):
            await store.dispatcher.register_worker(worker, LONG_S)
        for number in range(4):
            await stores[0].create_run(new(number, user="u"))
            await stores[0].create_run(new(number + 10))
        claims = [await claim(store, w, at_work=limits) for w, store in zip("ab", stores, strict=True)]
        assert sorted(int(run, 16) for run in claims[0] | claims[1]) == [0, 1, 10, 11, 12, 13]
        assert await claim(stores[1], "b", at_work=limits) == {}
        waiting = claims[0][run_id(0)]
        await ask(stores[0], waiting, "q")
        await stores[0].rest(claims[0][run_id(1)], await stores[0].now() + LONG_S)
        assert [int(run, 16) for run in await claim(stores[1], "b", at_work=limits)] == [2, 3]

    async def test_no_more_of_a_workflow_are_at_work_than_the_limit(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        for number in range(6):
            await store.create_run(new(number, workflow="vw"[number % 2], user="u", at=float(number)))
        limits = AtWork(per_workflow={"v": 1})
        taken = await claim(store, "a", workflows=["v", "w"], at_work=limits)
        assert [int(run, 16) for run in taken] == [0, 1, 3, 5]
        await store.finish_run(taken[run_id(0)], RunStatus.COMPLETED, None, body("end"), 1.0)
        taken = await claim(store, "a", workflows=["v", "w"], at_work=limits)
        assert [int(run, 16) for run in taken] == [2]

    @pytest.mark.parametrize("limit", [1, 2, 3])
    async def test_runs_of_a_dead_worker_do_not_get_around_the_limit(self, store: Store, limit: int) -> None:
        for number in range(3):
            await store.create_run(new(number, user="u"))
        assert len(await claim(store, "ghost")) == 3
        await store.dispatcher.register_worker("a", LONG_S)
        assert len(await claim(store, "a", at_work=AtWork(per_user=limit))) == limit
        assert await store.dispatcher.owned_runs("ghost") == {}

    async def test_what_waits_for_a_worker_is_counted_by_workflow(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        for number, workflow in enumerate(["gone", "w", "gone", "w", "theirs"]):
            await here.create_run(new(number, workflow=workflow, at=float(number)))
        await here.dispatcher.register_worker("a", LONG_S)
        await there.dispatcher.register_worker("b", LONG_S)
        assert len(await claim(here, "a", limit=1)) == 1
        assert await claim(there, "b", workflows=["theirs"], limit=0) == {}
        assert sorted(await here.dispatcher.lines(), key=lambda line: line.workflow) == [
            Line("gone", 2, 0.0, offered=False),
            Line("theirs", 1, 4.0, offered=True),
            Line("w", 1, 3.0, offered=True),
        ]

    async def test_a_dead_worker_offers_nothing_and_its_runs_wait(self, open_store: OpenStore) -> None:
        here, dying = await open_store(), await open_store()
        await here.create_run(new(1, at=1.0))
        await here.create_run(new(2, at=2.0))
        await dying.dispatcher.register_worker("dying", LONG_S)
        lease = (await claim(dying, "dying", limit=1))[run_id(1)]
        began = await here.now()
        assert await here.dispatcher.lines() == [Line("w", 1, 2.0, offered=True)]
        await ask(dying, lease, "q")  # it waits for a person, too, and still belongs to the worker
        await dying.dispatcher.register_worker("dying", 0.1)
        await dying.close()
        async with asyncio.timeout(30):
            while (lines := await here.dispatcher.lines())[0].runs == 1:
                await asyncio.sleep(0.01)
        assert lines == [Line("w", 2, 2.0, offered=False)]
        await here.cancel_run(run_id(2), body("end"), 3.0)
        (line,) = await here.dispatcher.lines()
        assert (line.runs, line.offered) == (1, False)
        assert began <= line.since <= await here.now(), "its worker was alive until then"

    async def test_runs_of_an_owner_that_is_no_worker_wait(self, store: Store) -> None:
        await store.create_run(new(1, at=1.0))
        assert len(await claim(store, "ghost")) == 1
        (line,) = await store.dispatcher.lines()
        assert (line.runs, line.offered) == (1, False)
