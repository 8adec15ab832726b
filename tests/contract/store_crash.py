"""A process that writes to a store until it is killed: `python -m tests.contract.store_crash FILE`.

It prints the number of each event and the order of each step once they are committed.
"""

from __future__ import annotations

import asyncio
import sys

from fastagency_backend.store import SqliteStore
from fastagency_backend.store.signals import Deaf

from tests.contract.store_contract import append, claim, new, record, run_id


async def main(path: str) -> None:
    store = SqliteStore(path)
    await store.open(Deaf())
    await store.create_run(new())
    # No worker is registered: the next process may take the run over at once, as from a dead one.
    lease = (await claim(store, "anybody"))[run_id()]
    done = (await store.read_events(run_id(), after=0, limit=1)).run
    assert done is not None

    async def write(number: int) -> None:
        seq = await append(store, lease, f"{lease.fence}:{number}", f"{lease.fence}:{number}")
        print("event", seq, flush=True)
        await record(store, lease, f"{lease.fence}:{number}", number)
        print("step", f"{lease.fence}:{number}", flush=True)

    first = 0
    while True:
        await asyncio.gather(*(write(number) for number in range(first, first + 20)))
        first += 20


asyncio.run(main(sys.argv[1]))
