"""What every store must do about the workflows and the builds of workers. A part of `StoreContract`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from fastagency_backend.store.base import Lease, Start, Store
from fastagency_backend.store.dispatch import ANY_BUILD, Builds, Line, Offer

from tests.contract.store_contract import LONG_S, OpenStore, StoreContract, answer, ask, body, new, run_id
from tests.contract.store_contract_attempts import DEAD_AFTER_S

TALK, WALK = Offer("talk", "Talks", True, "1"), Offer("walk", "Walks", durable=False)
ALONE_1, ALONE_2 = Builds("1", frozenset()), Builds("2", frozenset())
AFTER_1 = Builds("2", frozenset({"0", "1"}))


async def taken(store: Store, builds: Builds, *, worker: str = "a", on_trial: bool = False) -> dict[int, Lease]:
    """What a worker claims, by the runs' numbers."""
    records = await store.dispatcher.claim_runs(worker, ["w"], limit=100, builds=builds, on_trial=on_trial)
    assert {record.build for record in records} <= {builds.own}
    return {int(record.id, 16): Lease(record.id, record.fence) for record in records}


async def build_of(store: Store, number: int = 1) -> str | None:
    record = await store.get_run(run_id(number))
    assert record is not None
    return record.build


async def names(store: Store) -> Sequence[str]:
    return [offer.name for offer in await store.dispatcher.catalogue()]


class CatalogueContract(StoreContract):
    """See the module's docstring."""

    # --- the catalogue --------------------------------------------------------------------------------------------

    async def test_what_is_offered_is_known_everywhere_and_stays(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        assert await there.dispatcher.catalogue() == []
        await here.dispatcher.register_worker("a", LONG_S)
        await here.dispatcher.offer_workflows([WALK, TALK])
        assert await there.dispatcher.catalogue() == await here.dispatcher.catalogue() == [WALK, TALK]
        await here.dispatcher.release_worker("a")
        assert await there.dispatcher.catalogue() == [WALK, TALK], "no worker is there"

    async def test_for_whom_a_workflow_is_is_known_too(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        closed = Offer("talk", "Talks", roles=frozenset({"manager", "clerk"}))
        await here.dispatcher.offer_workflows([WALK, closed])
        assert await there.dispatcher.catalogue() == [WALK, closed]
        await here.dispatcher.offer_workflows([replace(WALK, roles=frozenset({"x"})), replace(closed, roles=None)])
        assert [offer.roles for offer in await there.dispatcher.catalogue()] == [{"x"}, None]

    async def test_the_last_who_offers_a_workflow_describes_it(self, open_store: OpenStore) -> None:
        older, newer = await open_store(), await open_store()
        await older.dispatcher.offer_workflows([TALK])
        later = Offer("talk", "Talks much", False, "2")
        await newer.dispatcher.offer_workflows([WALK, later])
        assert await older.dispatcher.catalogue() == [WALK, later]
        await older.dispatcher.offer_workflows([])
        assert await older.dispatcher.catalogue() == [WALK, later], "a worker without workflows takes none away"

    async def test_what_nobody_has_offered_for_long_is_forgotten(self, store: Store) -> None:
        await store.dispatcher.offer_workflows([WALK, TALK])
        await store.dispatcher.offer_workflows([TALK], kept_s=LONG_S)
        assert await names(store) == ["talk", "walk"]
        await store.dispatcher.offer_workflows([TALK], kept_s=0.0)
        assert await names(store) == ["talk"]

    # --- builds ---------------------------------------------------------------------------------------------------

    async def test_a_run_remembers_the_build_that_drove_it_last(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        await store.create_run(new())
        assert await build_of(store) is None
        for builds in (ALONE_1, Builds("2"), Builds(), AFTER_1):
            assert list(await taken(store, builds)) == [1]
            assert await build_of(store) == builds.own
            await store.dispatcher.release_worker("a")

    async def test_a_run_that_is_begun_as_it_is_created_is_of_that_build(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        run, _ = await store.create_run(new(), Start("a", "first", body("first"), "7"))
        assert (run.build, await build_of(store)) == ("7", "7")

    async def test_a_run_of_another_build_waits_for_a_worker_that_goes_on_with_it(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        await store.create_run(new(1))
        lease = (await taken(store, ALONE_1))[1]
        await ask(store, lease, "q")
        assert await store.park_run(lease)
        await answer(store, run_id(), "q")
        await store.create_run(new(2))
        assert list(await taken(store, ALONE_2)) == [2], "what nobody has driven yet is for everybody"
        assert list(await taken(store, Builds(None, frozenset()))) == []
        assert list(await taken(store, AFTER_1)) == [1]
        assert await build_of(store) == "2"

    @pytest.mark.parametrize("builds", [ALONE_1, ANY_BUILD, Builds("2"), Builds(None, frozenset({"1"}))])
    async def test_who_goes_on_with_a_build(self, store: Store, builds: Builds) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        await store.create_run(new())
        await taken(store, ALONE_1)
        await store.dispatcher.release_worker("a")
        assert await taken(store, ALONE_2) == {}
        assert list(await taken(store, builds)) == [1]

    async def test_runs_of_a_dead_worker_are_of_its_build(self, open_store: OpenStore) -> None:
        dying, living = await open_store(), await open_store()
        await dying.dispatcher.register_worker("dying", DEAD_AFTER_S)
        await dying.create_run(new(1))
        await taken(dying, ALONE_1, worker="dying")
        await dying.close()
        await living.dispatcher.register_worker("a", LONG_S)
        await living.create_run(new(2))
        found: dict[int, Lease] = {}
        while 1 not in found:
            assert 1 not in await taken(living, ALONE_2)
            found |= await taken(living, AFTER_1)

    async def test_runs_on_trial_are_of_their_build(self, open_store: OpenStore) -> None:
        living = await open_store()
        await living.dispatcher.register_worker("a", LONG_S)
        await living.create_run(new())
        for worker in ("first", "second"):
            dying = await open_store()
            await dying.dispatcher.register_worker(worker, LONG_S)
            while not await taken(dying, ALONE_1, worker=worker):
                await taken(living, ALONE_2)  # notices that the one before is dead
            await dying.dispatcher.register_worker(worker, DEAD_AFTER_S)
            await dying.close()
        while not (found := await taken(living, AFTER_1, on_trial=True)):
            assert await taken(living, ALONE_2, on_trial=True) == {}
        assert list(found) == [1]
        assert found[1].fence == 3

    async def test_a_fork_is_of_the_same_build(self, store: Store) -> None:
        await store.dispatcher.register_worker("a", LONG_S)
        await store.create_run(new())
        lease = (await taken(store, ALONE_1))[1]
        await store.open_question(lease, "k", "q", body("q"), 1.0)
        forked = await store.fork_run(run_id(), "q", run_id(2), 2.0)
        assert forked is not None
        assert forked.build == "1"

    async def test_runs_that_wait_for_a_build_are_a_line_of_their_own(self, open_store: OpenStore) -> None:
        here, there = await open_store(), await open_store()
        await here.dispatcher.register_worker("a", LONG_S)
        for number in range(3):
            await here.create_run(new(number, at=float(number)))
        assert len(await taken(here, ALONE_1)) == 3
        await here.dispatcher.release_worker("a")
        await here.create_run(new(3, at=3.0))
        await here.create_run(new(4, workflow="gone", at=4.0))
        assert sorted((line.workflow, line.runs, line.build) for line in await here.dispatcher.lines()) == [
            ("gone", 1, None),
            ("w", 4, None),
        ], "no worker is there: that is what they wait for"
        await there.dispatcher.register_worker("b", LONG_S)
        assert await there.dispatcher.claim_runs("b", ["w"], limit=0, builds=ALONE_2) == []
        lines = {(line.workflow, line.build): line for line in await here.dispatcher.lines()}
        assert lines["w", None] == Line("w", 1, 3.0, offered=True)
        assert lines["gone", None] == Line("gone", 1, 4.0, offered=False)
        assert (lines["w", "1"].runs, lines["w", "1"].offered) == (3, False)
        assert await there.dispatcher.claim_runs("b", ["w"], limit=0, builds=AFTER_1) == []
        assert [(line.runs, line.offered) for line in await here.dispatcher.lines() if line.workflow == "w"] == [
            (4, True)
        ]
