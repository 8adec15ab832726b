"""All that is done with a store day by day, so that a test can look at how its statements find their rows."""

from __future__ import annotations

from fastagency_backend.store.base import Lease, Store
from fastagency_backend.store.dispatch import AtWork, Builds, Offer
from fastagency_shared.run import RunStatus

from tests.contract.store_contract import LONG_S, append, ask, body, claim, new, note, record, run_id

RUNS = 20_000
"""Of a store that has been in use. `filled` says of each number what it is; ids are those of `run_id`."""
ENDED, NOBODYS, DUE = range(1, 1001), range(1001, 2001), range(2001, 2101)
QUESTION = "question"


def parked_of(user: int) -> int:
    """A run of a user's that waits for an answer."""
    return 5000 + user


async def a_day(store: Store) -> None:
    await _claims(store)
    await _a_run(store)
    await _reads(store)
    await _clients(store)


async def _claims(store: Store) -> None:
    dispatcher = store.dispatcher
    await dispatcher.register_worker("a", LONG_S)
    await dispatcher.offer_workflows([Offer("w", "A workflow", True, "build")])
    limits = AtWork(2, {"w": 100})
    for number in range(3):
        await store.create_run(new(RUNS + number, user="ready"))
        await claim(store, "a", limit=1)
        await dispatcher.claim_runs("a", ["w"], limit=5, at_work=limits, builds=Builds("b", frozenset()), on_trial=True)
        await claim(store, "a", limit=5, workflows=["no such"])
        await dispatcher.next_due()
        await dispatcher.lines()
        await dispatcher.owned_runs("a")
        await dispatcher.owned_runs("a", [run_id(RUNS)])
        await dispatcher.give_back_runs("a", {run_id(RUNS + number): 1})
        await dispatcher.catalogue()


async def _a_run(store: Store) -> None:
    number = RUNS + 10
    await store.create_run(new(number, user="lively"))
    lease = (await claim(store, "a", limit=200))[run_id(number)]
    for order in range(1, 4):
        await record(store, lease, f"s{order}", order)
        await append(store, lease, f"e{order}")
        store.acquit_run(lease)
        await ask(store, lease, f"q{order}")
        await store.answer_question(lease.run_id, f"q{order}", "1", body("answer"), 2.0, "title")
        await store.read_answer(lease.run_id, f"q{order}")
        await store.has_expired(lease.run_id, f"q{order}")
        await note(store, lease, f"q{order}", order)
    await ask(store, lease, "late", 1.0)
    await store.expire_question(lease, "late", "null", body("late"), 3.0)
    await store.load_log(lease.run_id)
    await store.load_past(lease.run_id)
    await store.rest(lease, 1e12)
    await store.park_run(lease)
    await store.fork_run(lease.run_id, "q2", run_id(number + 1), 4.0)
    ending = await _owned(store, number + 2)
    await store.finish_run(ending, RunStatus.FAILED, "{}", body("end"), 5.0)
    await store.retry_run(ending.run_id, body("again"), 6.0)
    await store.cancel_run(ending.run_id, body("end"), 7.0)
    await store.dispatcher.release_worker("a")


async def _owned(store: Store, number: int) -> Lease:
    await store.create_run(new(number, user="lively"))
    return (await claim(store, "a", limit=200))[run_id(number)]


async def _reads(store: Store) -> None:
    for user in ("user-7", None):
        page = await store.list_runs(user, limit=20, before=None)
        await store.list_runs(user, limit=20, before=page[5].id)
        await store.list_runs(user, limit=20, before=None, statuses=[RunStatus.WAITING], workflow="w")
    for number in map(parked_of, range(3)):
        await store.get_run(run_id(number))
        await store.read_events(run_id(number), after=1, limit=20)
        await store.read_events(run_id(number), after=0, limit=2, before=3)
        await store.heads([run_id(number), run_id(number + 1)])
    await store.walk_runs(after=run_id(900), limit=20, ended=False)
    await store.walk_runs(after=run_id(900), limit=20, ended=True)


async def _clients(store: Store) -> None:
    for number in map(parked_of, range(3)):
        assert await store.answer_question(run_id(number), QUESTION, "1", body("answer"), 8.0, None) is not None
        await store.rename_run(run_id(number), "title", 9.0)
        await store.delete_run(run_id(number))
    assert await store.delete_ended_before(500.5, limit=100) == 100
    await store.sweep()
