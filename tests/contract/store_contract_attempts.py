"""What every store must do about runs whose workers die: count, blame and acquit. A part of `StoreContract`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from fastagency_backend.store.base import Lease, RunRecord, Store
from fastagency_backend.store.dispatch import ON_TRIAL
from fastagency_backend.store.signals import Deaf
from fastagency_shared.run import RunStatus

from tests.contract.store_contract import LONG_S, MakeStore, OpenStore, ask, body, claim, new, record, run_id

DEAD_AFTER_S = 0.1
SENTINEL = "sentinel"
"""A workflow whose runs got further: one of each dead worker's tells when its death is noticed."""


class Deaths:
    """A store of a worker that lives, and workers that die, one after the other."""

    def __init__(self, open_store: OpenStore, living: Store) -> None:
        self._open, self.living = open_store, living
        self._numbers = iter(range(100, 1000))

    async def die(self, *, on_trial: bool = False, further: Sequence[int] = (), asks: Sequence[int] = ()) -> set[str]:
        """One more worker takes up what there is and dies; these runs got further meanwhile, or asked."""
        store, number = await self._open(), next(self._numbers)
        worker = f"dying-{number}"
        await store.dispatcher.register_worker(worker, LONG_S)
        await store.create_run(new(number, workflow=SENTINEL))
        taken = await self._claimed(store, worker, ["w"], limit=1 if on_trial else 100, on_trial=on_trial)
        taken |= await self._claimed(store, worker, [SENTINEL])
        leases = {run: Lease(run, each.fence) for run, each in taken.items()}
        for each in (*further, number):
            store.acquit_run(leases[run_id(each)])
        for each in asks:
            await ask(store, leases[run_id(each)], "q")
            await store.park_run(leases[run_id(each)])
        await store.dispatcher.register_worker(worker, DEAD_AFTER_S)
        await store.close()
        await self._claimed(self.living, "living", [SENTINEL])
        return set(taken) - {run_id(number)}

    async def _claimed(
        self, store: Store, worker: str, workflows: list[str], *, limit: int = 100, on_trial: bool = False
    ) -> dict[str, RunRecord]:
        async with asyncio.timeout(30):
            while not (found := await store.dispatcher.claim_runs(worker, workflows, limit=limit, on_trial=on_trial)):
                await asyncio.sleep(0.01)
        return {each.id: each for each in found}

    async def look(self, number: int = 1) -> tuple[int, bool]:
        found = await self.living.get_run(run_id(number))
        assert found is not None
        return found.attempts, found.blamed


class AttemptsContract:
    """See the module's docstring."""

    @pytest.fixture
    async def deaths(self, make_store: MakeStore, no_blocking: None) -> AsyncIterator[Deaths]:
        async def open_one() -> Store:
            store = make_store()
            await store.open(Deaf())
            return store

        living = await open_one()
        await living.dispatcher.register_worker("living", LONG_S)
        yield Deaths(open_one, living)
        await living.close()

    async def test_each_death_counts_once_and_blames_who_was_alone(self, deaths: Deaths) -> None:
        await deaths.living.create_run(new(1))
        await deaths.die()
        assert await deaths.look() == (1, True)
        await deaths.living.dispatcher.claim_runs("living", [], limit=1)
        assert await deaths.look() == (1, True)
        await deaths.die()
        assert await deaths.look() == (2, True)

    async def test_of_several_nobody_is_blamed(self, deaths: Deaths) -> None:
        for number in (1, 2):
            await deaths.living.create_run(new(number))
        await deaths.die()
        assert [await deaths.look(number) for number in (1, 2)] == [(1, False)] * 2

    async def test_who_got_further_is_no_suspect(self, deaths: Deaths) -> None:
        for number in (1, 2, 3):
            await deaths.living.create_run(new(number))
        await deaths.die(further=[1], asks=[2])
        assert [await deaths.look(number) for number in (1, 2, 3)] == [(0, False), (0, False), (1, True)]

    async def test_if_all_got_further_it_may_have_been_any(self, deaths: Deaths) -> None:
        for number in (1, 2):
            await deaths.living.create_run(new(number))
        await deaths.die(further=[1, 2])
        assert [await deaths.look(number) for number in (1, 2)] == [(1, False)] * 2

    async def test_getting_further_clears_a_run(self, deaths: Deaths) -> None:
        await deaths.living.create_run(new(1))
        await deaths.die()
        lease = (await claim(deaths.living, "living"))[run_id()]
        deaths.living.acquit_run(lease)
        await record(deaths.living, lease, "k", 1)
        assert await deaths.look() == (0, False)

    async def test_asking_a_person_is_getting_further(self, deaths: Deaths) -> None:
        await deaths.living.create_run(new(1))
        await deaths.die()
        assert await deaths.look() == (1, True)
        lease = (await claim(deaths.living, "living"))[run_id()]
        await ask(deaths.living, lease, "q")
        assert await deaths.look() == (0, False)

    @pytest.mark.parametrize("how", ["handed over", "parked"])
    async def test_leaving_a_worker_in_order_clears_a_run(self, deaths: Deaths, how: str) -> None:
        await deaths.living.create_run(new(1))
        await deaths.die()
        lease = (await claim(deaths.living, "living"))[run_id()]
        if how == "parked":
            await ask(deaths.living, lease, "q")
            assert await deaths.living.park_run(lease)
        else:
            await deaths.living.dispatcher.release_worker("living")
        assert await deaths.look() == (0, False)

    async def test_a_run_that_is_tried_again_begins_with_a_clean_slate(self, deaths: Deaths) -> None:
        await deaths.living.create_run(new(1))
        await deaths.die()
        lease = (await claim(deaths.living, "living"))[run_id()]
        await deaths.living.finish_run(lease, RunStatus.FAILED, None, body("end"), 1.0)
        assert await deaths.look() == (1, True)
        assert await deaths.living.retry_run(run_id(), body("resumed"), 2.0)
        assert await deaths.look() == (0, False)

    async def test_who_has_lost_the_run_clears_nothing(self, deaths: Deaths) -> None:
        await deaths.living.create_run(new(1))
        await deaths.die()
        lease = (await claim(deaths.living, "living"))[run_id()]
        deaths.living.acquit_run(Lease(lease.run_id, lease.fence - 1))
        await deaths.living.ensure_writable()
        assert await deaths.look() == (1, True)

    async def test_runs_with_several_attempts_come_on_trial_only_the_last_one_first(self, deaths: Deaths) -> None:
        for number in (1, 2):
            await deaths.living.create_run(new(number))
        for _ in range(ON_TRIAL):
            assert await deaths.die() == {run_id(1), run_id(2)}
        await deaths.living.create_run(new(3))
        assert list(await claim(deaths.living, "living")) == [run_id(3)]
        (first,) = await deaths.living.dispatcher.claim_runs("living", ["w"], limit=1, on_trial=True)
        (second,) = await deaths.living.dispatcher.claim_runs("living", ["w"], limit=1, on_trial=True)
        assert {first.id, second.id} == {run_id(1), run_id(2)}
        assert await deaths.living.dispatcher.claim_runs("living", ["w"], limit=1, on_trial=True) == []

    async def test_who_dies_on_trial_is_the_next_one_on_trial(self, deaths: Deaths) -> None:
        for number in (1, 2, 3):
            await deaths.living.create_run(new(number))
        for _ in range(ON_TRIAL):
            await deaths.die()
        accused = await deaths.die(on_trial=True)
        assert len(accused) == 1
        assert await deaths.look(int(next(iter(accused)), 16)) == (ON_TRIAL + 1, True)
        assert await deaths.die(on_trial=True) == accused
