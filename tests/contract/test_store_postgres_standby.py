"""The primary is lost and its synchronous standby promoted: all that was acknowledged is there."""

from __future__ import annotations

import asyncio

import pytest
from fastagency_backend.store.base import Lease, StoreError
from fastagency_backend.store.postgres import PostgresStore
from fastagency_backend.store.signals import Deaf

from tests.contract.store_contract import append, claim, new, run_id, seqs
from tests.postgres import two_hosts

RUNS = 4
BEFORE = 20


async def write_on(store: PostgresStore, lease: Lease, acknowledged: list[int], enough: asyncio.Event) -> None:
    """Append until told to stop; what fails is not acknowledged, and begun anew as an engine does."""
    number = 0
    while not enough.is_set():
        number += 1
        try:
            acknowledged.append(await append(store, lease, f"event {number}"))
        except StoreError:
            lease = Lease(lease.run_id, lease.fence, store.epoch)


@pytest.mark.fault
async def test_nothing_that_was_acknowledged_is_lost_with_the_primary() -> None:
    with two_hosts(synchronous=True) as pair:
        store = PostgresStore(pair.new_database())
        await store.open(Deaf())
        await store.dispatcher.register_worker("a", 5.0)
        for number in range(RUNS):
            await store.create_run(new(number))
        leases = await claim(store, "a")
        acknowledged: dict[str, list[int]] = {id_: [] for id_ in leases}
        enough = asyncio.Event()
        async with asyncio.timeout(60), asyncio.TaskGroup() as writers:
            for id_, lease in leases.items():
                writers.create_task(write_on(store, lease, acknowledged[id_], enough))
            while min(map(len, acknowledged.values())) < BEFORE:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(pair.fail_over)
            over = {id_: len(each) for id_, each in acknowledged.items()}
            while any(len(acknowledged[id_]) < over[id_] + BEFORE for id_ in leases):
                await asyncio.sleep(0.01)
            enough.set()
        for number in range(RUNS):
            told, there = acknowledged[run_id(number)], await seqs(store, number)
            assert there == list(range(1, len(there) + 1))
            assert len(set(told)) == len(told)
            assert set(told) <= set(there)
        await store.close()
