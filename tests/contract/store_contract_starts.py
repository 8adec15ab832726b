"""What every store must do when a run is created and taken up in one commit. A part of `StoreContract`."""

from __future__ import annotations

import asyncio

import pytest
from fastagency_backend.store.base import Lease, LeaseLost, Start, Store
from fastagency_shared.run import RunStatus

from tests.contract.store_contract import LONG_S, OpenStore, append, body, claim, new, run_id, seqs, status
from tests.fakes.bus import fences

SHORT_S = 0.1
FIRST = body("first")


def begin(worker: str = "a") -> Start:
    return Start(worker, "first", FIRST)


class StartsContract:
    """See the module's docstring."""

    async def test_a_run_is_created_claimed_and_begun_at_once(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        run, created = await store.create_run(new(user="u"), begin())
        assert created
        assert (run.status, run.worker, run.fence, run.last_seq) == (RunStatus.RUNNING, "a", 1, 1)
        page = await store.read_events(run_id(), after=0, limit=10)
        assert page.run == run
        assert [(event.seq, event.at, event.body) for event in page.events] == [(1, new().at, FIRST)]
        assert (await store.load_log(run_id())).event_keys == {"first"}
        assert fences(await store.dispatcher.owned_runs("a")) == {run_id(): 1}
        assert await claim(store, "a") == {}

    async def test_its_lease_is_that_of_a_claim(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        await store.create_run(new(), begin())
        lease = Lease(run_id(), 1)
        assert await append(store, lease, "second") == 2
        with pytest.raises(LeaseLost):
            await append(store, Lease(run_id(), 0), "from before")
        assert (await store.finish_run(lease, RunStatus.COMPLETED, None, body("end"), 2.0)).seq == 3
        assert await store.dispatcher.owned_runs("a") == {}

    async def test_what_is_there_stays_as_it_is(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        ready, _ = await store.create_run(new(1))
        begun, _ = await store.create_run(new(2), begin())
        assert await store.create_run(new(1), begin()) == (ready, False)
        assert await store.create_run(new(2), begin()) == (begun, False)
        assert await store.create_run(new(2)) == (begun, False)
        assert [await seqs(store, number) for number in (1, 2)] == [[], [1]]

    async def test_of_many_at_once_one_creates_it_and_has_it(self, open_store: OpenStore) -> None:
        stores = [await open_store(), await open_store()]
        for worker, store in zip("ab", stores, strict=True):
            await store.dispatcher.register_worker(worker, LONG_S)
        for number in range(1, 11):
            outcomes = await asyncio.gather(
                *(stores[i % 2].create_run(new(number), begin("ab"[i % 2])) for i in range(6))
            )
            (winner,) = [record for record, created in outcomes if created]
            assert {record.worker for record, _ in outcomes} == {winner.worker}
            assert await seqs(stores[0], number) == [1]
        assert sum([len(await stores[0].dispatcher.owned_runs(worker)) for worker in "ab"]) == 10

    @pytest.mark.parametrize("why", ["never registered", "released", "buried", "somebody else"])
    async def test_who_is_no_worker_gets_nothing(self, open_store: OpenStore, why: str) -> None:
        store, other = await open_store(), await open_store()
        if why != "never registered":
            await store.dispatcher.register_worker("a", LONG_S)
        if why == "released":
            await store.dispatcher.release_worker("a")
        if why == "buried":
            await other.dispatcher.release_worker("a")
        run, created = await store.create_run(new(), begin("b" if why == "somebody else" else "a"))
        assert created
        assert (run.status, run.worker, run.fence, run.last_seq) == (RunStatus.READY, None, 0, 0)
        assert run == await store.get_run(run_id())
        assert await seqs(store) == []

    async def test_who_has_not_renewed_its_lease_gets_nothing(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        await here.dispatcher.register_worker("a", SHORT_S, lambda: False)
        await there.dispatcher.register_worker("b", LONG_S)
        await asyncio.sleep(3 * SHORT_S)
        run, _ = await here.create_run(new(), begin())
        assert (run.status, run.worker) == (RunStatus.READY, None)
        assert list(await claim(there, "b")) == [run_id()]

    async def test_runs_of_a_worker_that_dies_go_on_elsewhere(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        await there.dispatcher.register_worker("b", LONG_S)
        await here.dispatcher.register_worker("a", SHORT_S)
        await here.create_run(new(), begin())
        assert fences(await here.dispatcher.owned_runs("a")) == {run_id(): 1}
        await here.close()
        async with asyncio.timeout(30):
            while not (taken := await there.dispatcher.claim_runs("b", ["w"], limit=1)):
                await asyncio.sleep(0.01)
        assert [(run.fence, run.last_seq, run.attempts, run.blamed) for run in taken] == [(2, 1, 1, True)]
        with pytest.raises(LeaseLost):
            await append(there, Lease(run_id(), 1), "late")

    async def test_until_it_gets_further_it_is_a_suspect_as_after_a_claim(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        await there.dispatcher.register_worker("b", LONG_S)
        await here.dispatcher.register_worker("a", SHORT_S)
        for number in (1, 2):
            await here.create_run(new(number), begin())
        here.acquit_run(Lease(run_id(2), 1))
        await here.close()
        taken: dict[str, int] = {}
        async with asyncio.timeout(30):
            while len(taken) < 2:
                taken |= {run.id: run.attempts for run in await there.dispatcher.claim_runs("b", ["w"], limit=2)}
                await asyncio.sleep(0.01)
        assert taken == {run_id(1): 1, run_id(2): 0}

    async def test_a_worker_that_is_released_meanwhile_keeps_none(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        runs = [store.create_run(new(number), begin()) for number in range(1, 41)]
        await asyncio.gather(*runs[:20], store.dispatcher.release_worker("a"), *runs[20:])
        assert await store.dispatcher.owned_runs("a") == {}
        assert {await status(store, number) for number in range(1, 41)} == {RunStatus.READY}

    async def test_the_id_of_a_deleted_run_begins_anew(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        await store.create_run(new(), begin())
        await append(store, Lease(run_id(), 1), "second")
        assert await store.delete_run(run_id())
        _, created = await store.create_run(new(), begin())
        assert created
        assert await seqs(store) == [1]
