"""A run that is created where there is room for it: created, claimed and begun in one commit, and driven at once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.engine import tracking
from fastagency_backend.engine import trial as trial_module
from fastagency_backend.engine.engine import Engine
from fastagency_backend.engine.key import FIRST_KEY
from fastagency_backend.store import SqliteStore, StoreError
from fastagency_backend.store.base import Broken, EventPage, Lease, NewRun, RunLog, RunRecord, Start, StoredEvent
from fastagency_backend.store.dispatch import ON_TRIAL, Owned
from fastagency_backend.store.signals import Deaf, Hears
from fastagency_backend.store.sqlite.dispatch import SqliteDispatcher
from fastagency_backend.workflow import AsyncUI
from fastagency_shared.errors import StoreUnavailable
from fastagency_shared.messages import TextInput, WorkflowStarted, parse_message
from fastagency_shared.run import InitiateRequest, RunStatus

from tests.databases import Database, sqlite_only
from tests.fakes.bus import fences
from tests.fakes.lab import Lab, run_id, until
from tests.unit.backend.engine.test_trial import died

pytestmark = sqlite_only  # it counts what the embedded store is asked for


class CountingDispatcher(SqliteDispatcher):
    claims = 0

    async def claim_runs(self, *args: Any, **options: Any) -> list[RunRecord]:
        self.claims += 1
        return await super().claim_runs(*args, **options)


class Counting(SqliteStore):
    """Counts what a start should do without. Creations wait until `goes_on`, and fail with `failure`.

    `alone`: it hears of no other process, so that nothing is claimed for their sake.
    """

    def __init__(self, path: Database, *, alone: bool) -> None:
        assert isinstance(path, Path)
        super().__init__(path, synchronous="OFF")
        self._alone = alone
        self.dispatcher = CountingDispatcher(self._writer, self._reader, self._near, self._liveness)
        self.loads = self.begun = self.reads = 0
        self.failure: Exception | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def open(self, hears: Hears, broken: Broken | None = None) -> None:
        await super().open(Deaf() if self._alone else hears, broken)

    async def load_log(self, run_id: str) -> RunLog:
        self.loads += 1
        return await super().load_log(run_id)

    async def read_events(self, run_id: str, **page: Any) -> EventPage:
        self.reads += 1
        return await super().read_events(run_id, **page)

    async def create_run(self, new: NewRun, start: Start | None = None) -> tuple[RunRecord, bool]:
        self.begun += start is not None
        await self.goes_on.wait()
        if self.failure is not None:
            raise self.failure
        return await super().create_run(new, start)


def publish(lab: Lab, **options: Any) -> list[int]:
    """Publish `talk`, which asks; the list has the number of each run once for each time that it is taken up."""
    taken: list[int] = []

    @lab.wf.register("talk", "A talk", **options)
    async def talk(ui: AsyncUI, params: dict[str, Any]) -> str:
        taken.append(int(ui.workflow_uuid, 16))
        return await ui.text_input(prompt="?")

    return taken


async def ready(lab: Lab, *, alone: bool = True, **settings: Any) -> tuple[Engine, Counting]:
    """An engine that has claimed for the first time: nobody is in line."""
    store = Counting(lab.database, alone=alone)
    engine = await lab.engine(store=store, **settings)
    await until(lambda: not engine._intake._line)
    return engine, store


async def test_a_start_needs_no_claim_and_reads_nothing_back(lab: Lab) -> None:
    taken = publish(lab)
    engine, store = await ready(lab, lease_s=600.0)
    claims = store.dispatcher.claims
    await lab.start(engine, "talk", name="x")
    assert fences(await engine.store.dispatcher.owned_runs(engine.worker)) == {run_id(): 1}
    await lab.answer(engine, "yes")
    assert await lab.completed(engine) == "yes"
    assert (store.dispatcher.claims, store.loads, store.begun, taken) == (claims, 0, 1, [1])
    log = await lab.log(engine)
    assert [message.type for message in log] == [
        "workflow_started",
        "text_input",
        "input_answered",
        "workflow_completed",
    ]
    assert isinstance(log[0], WorkflowStarted)
    assert (log[0].name, log[0].description, log[0].params) == ("talk", "A talk", {"name": "x"})
    assert (log[0].workflow_uuid, log[0].sender, log[0].recipient) == (run_id(), "Workflow", "User")


async def test_no_more_are_taken_up_at_once_than_there_is_room(lab: Lab) -> None:
    publish(lab)
    engine, store = await ready(lab, max_live=3)
    most = [0]

    async def look() -> None:
        while True:
            most[0] = max(most[0], engine.driver.at_work)
            await asyncio.sleep(0)

    looking = asyncio.create_task(look())
    await asyncio.gather(*(lab.start(engine, "talk", number) for number in range(1, 21)))
    assert store.begun == 3
    for number in range(1, 21):
        await lab.answer(engine, "yes", number)
    for number in range(1, 21):
        assert await lab.completed(engine, number) == "yes"
    looking.cancel()
    assert most == [3]


async def test_who_comes_later_does_not_overtake_who_waits_for_room(lab: Lab) -> None:
    taken = publish(lab)
    engine, store = await ready(lab, max_live=1)
    await lab.start(engine, "talk", 1)
    await lab.start(engine, "talk", 2)
    await until(lambda: engine.driver.line)
    await lab.answer(engine, "yes", 1)
    while engine._intake.room <= 0:  # the very moment at which there is room, before it is claimed for
        await asyncio.sleep(0)
    await lab.start(engine, "talk", 3)
    assert store.begun == 1
    await lab.answer(engine, "yes", 2)
    await lab.question(engine, 3)
    assert taken == [1, 2, 3]


async def test_who_comes_after_a_claim_does_not_overtake_who_came_during_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = publish(lab)
    engine, store = await ready(lab, max_live=1)
    claim_runs, next_due = store.dispatcher.claim_runs, store.dispatcher.next_due

    async def claim_and_start(*args: Any, **options: Any) -> list[RunRecord]:
        monkeypatch.setattr(store.dispatcher, "claim_runs", claim_runs)
        claimed = await claim_runs(*args, **options)
        await lab.start(engine, "talk", 1)
        return claimed

    async def start_and_look() -> float | None:
        if await store.get_run(run_id(1)) is not None:
            monkeypatch.setattr(store.dispatcher, "next_due", next_due)
            await lab.start(engine, "talk", 2)
        return await next_due()

    monkeypatch.setattr(store.dispatcher, "claim_runs", claim_and_start)
    monkeypatch.setattr(store.dispatcher, "next_due", start_and_look)
    engine.driver.idle_hands.set()
    await until(lambda: taken)
    await lab.answer(engine, "yes", taken[0])
    await lab.question(engine, 2)
    assert (taken, store.begun) == ([1, 2], 0)


async def test_runs_that_are_created_while_the_engine_stops_go_on_elsewhere(lab: Lab) -> None:
    taken = publish(lab)
    engine, store = await ready(lab)
    before = [asyncio.create_task(lab.start(engine, "talk", number)) for number in range(1, 11)]
    await until(lambda: len(taken) == 10)
    store.goes_on.clear()
    meanwhile = [asyncio.create_task(lab.start(engine, "talk", number)) for number in range(11, 21)]
    await until(lambda: store.begun == 20)
    stopping = asyncio.create_task(lab.stop(engine))
    await asyncio.sleep(0)
    late = asyncio.create_task(lab.start(engine, "talk", 21))
    await asyncio.sleep(0.05)
    store.goes_on.set()
    await asyncio.gather(*before, *meanwhile, late, stopping)
    assert store.begun == 20
    other = await lab.engine()
    assert await other.store.dispatcher.owned_runs(engine.worker) == {}
    for number in range(1, 22):
        await lab.answer(other, "yes", number)
        assert await lab.completed(other, number) == "yes"
        assert (await lab.run(other, number)).attempts == 0
    assert sorted(taken) == sorted([*range(1, 11), *range(1, 22)]), "what came while it stopped ran once"


async def test_none_is_taken_up_at_once_while_a_trial_is_under_way(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_module, "WINDOW_S", 3600.0)
    further = asyncio.Event()
    taken = publish(lab)

    @lab.wf.register("suspect", "Waits before it gets further")
    async def suspect(ui: AsyncUI, params: dict[str, Any]) -> None:
        taken.append(99)
        await further.wait()
        await ui.step(asyncio.sleep, 0)
        await asyncio.Event().wait()

    engine = await lab.engine()
    await lab.start(engine, "suspect", 99)
    await until(lambda: taken)
    await died(lab, ON_TRIAL, blamed=False, numbers=(99,))
    engine, store = await ready(lab)
    await until(lambda: len(taken) == 2)
    await lab.start(engine, "talk", 1)
    await asyncio.sleep(0.1)
    assert ((await lab.run(engine, 1)).status, store.begun, len(taken)) == (RunStatus.READY, 0, 2)
    further.set()
    await lab.question(engine, 1)


@pytest.mark.parametrize(
    ("settings", "options", "user", "at_once"),
    [
        ({"max_at_work_per_user": 2}, {}, "u", False),
        ({"max_at_work_per_user": 2}, {}, None, True),
        ({}, {"max_at_work": 2}, None, False),
        ({}, {"durable": False}, None, False),
        ({}, {}, "u", True),
    ],
)
async def test_who_may_have_to_wait_is_claimed_in_turn(
    lab: Lab, settings: dict[str, Any], options: dict[str, Any], user: str | None, at_once: bool
) -> None:
    publish(lab, **options)
    engine, store = await ready(lab, **settings)
    request = InitiateRequest(workflow_name="talk", workflow_uuid=run_id(), params={})
    await engine.service.create(request, user)
    assert store.begun == at_once
    await until(lambda: engine.driver.live and engine.driver.live[run_id()].activity.waits)
    assert store.loads == (not at_once)


async def test_a_worker_that_cannot_go_on_takes_nothing_up(lab: Lab) -> None:
    publish(lab)
    engine, store = await ready(lab)
    engine._fail("The chore is over.")
    await lab.start(engine, "talk")
    assert store.begun == 0


async def test_a_worker_whose_lease_is_over_creates_runs_for_others(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(lab)
    engine, store = await ready(lab)
    monkeypatch.setattr(store._liveness, "holds", lambda _db, _worker: False)
    await lab.start(engine, "talk")
    await lab.answer(engine, "yes")
    assert await lab.completed(engine) == "yes"
    assert (store.begun, store.loads) == (1, 1)


async def test_what_is_committed_before_the_process_dies_is_driven_by_the_next(lab: Lab) -> None:
    """Nothing of it ran: the first message is all that there is, and it is not said again."""
    taken = publish(lab)
    engine, _ = await ready(lab)
    await lab.start(engine, "talk", 1)
    first = (await engine.service.read(run_id(1), None, after=0, limit=1)).events[0].body.replace(run_id(1), run_id(2))
    dying = lab.store()
    await dying.open(Deaf())
    await dying.dispatcher.register_worker("dying", 0.3)
    new = NewRun(run_id(2), "talk", "{}", None, "A talk", True, 1.0)
    record, _ = await dying.create_run(new, Start("dying", FIRST_KEY, first))
    assert record.worker == "dying"
    await dying.close()
    await lab.answer(engine, "yes", 2)
    assert await lab.completed(engine, 2) == "yes"
    assert [message.type for message in await lab.log(engine, 2)] == [
        "workflow_started",
        "text_input",
        "input_answered",
        "workflow_completed",
    ]
    assert taken.count(2) == 1


async def test_a_run_is_driven_though_whoever_asked_has_gone(lab: Lab) -> None:
    publish(lab)
    engine, store = await ready(lab)
    store.goes_on.clear()
    asking = asyncio.create_task(lab.start(engine, "talk"))
    await until(lambda: store.begun)
    asking.cancel()
    await asyncio.wait([asking])
    store.goes_on.set()
    await until(lambda: engine.driver.live)
    await lab.answer(engine, "yes")
    assert await lab.completed(engine) == "yes"


async def test_a_start_that_fails_leaves_nothing_and_takes_no_room(lab: Lab) -> None:
    publish(lab)
    engine, store = await ready(lab, max_live=1)
    store.failure = StoreError("the disk is full")
    with pytest.raises(StoreUnavailable):
        await lab.start(engine, "talk")
    store.failure = None
    await until(lambda: not engine.driver.at_work)
    await lab.start(engine, "talk")
    assert store.begun == 2
    await lab.question(engine)


async def test_the_same_run_created_in_two_processes_at_once_is_driven_by_one(lab: Lab) -> None:
    taken = publish(lab)
    engines = [(await ready(lab, alone=False))[0] for _ in range(2)]
    numbers = range(1, 51)
    await asyncio.gather(*(lab.start(engines[i % 2], "talk", number) for number in numbers for i in range(4)))
    for number in numbers:
        await lab.answer(engines[number % 2], "yes", number)
        assert await lab.completed(engines[0], number) == "yes"
        assert [message.type for message in await lab.log(engines[0], number)][:2] == ["workflow_started", "text_input"]
    assert sorted(taken) == list(numbers)


async def test_an_answer_to_a_run_of_ones_own_claims_nothing_and_one_that_nobody_has_is_claimed(lab: Lab) -> None:
    publish(lab)
    engine, store = await ready(lab, lease_s=600.0)
    await lab.start(engine, "talk", 1)
    await lab.start(engine, "talk", 2)
    for number in (1, 2):
        await lab.question(engine, number)
    await engine.driver.park_idle(0.0)
    await until(lambda: not engine.driver.at_work)
    await lab.start(engine, "talk", 3)
    await lab.question(engine, 3)
    claims = store.dispatcher.claims
    await lab.answer(engine, "yes", 3)
    assert await lab.completed(engine, 3) == "yes"
    assert store.dispatcher.claims == claims
    await lab.answer(engine, "yes", 1)
    assert await lab.completed(engine, 1) == "yes"
    assert store.dispatcher.claims == claims + 1


async def test_a_parked_run_goes_on_at_its_deadline_without_being_asked_for(lab: Lab) -> None:
    @lab.wf.register("late", "Asks, and does not wait for long")
    async def late(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input(prompt="?", deadline_s=2.0, default="nobody")

    engine, _ = await ready(lab, lease_s=600.0)
    await lab.start(engine, "late")
    await lab.question(engine)
    await until(lambda: lab.live(engine).activity.waits)
    await engine.driver.park_idle(0.0)
    assert not engine.driver.live
    assert await lab.completed(engine) == "nobody"


async def test_who_watches_a_run_from_its_first_to_its_last_message_reads_the_store_once(lab: Lab) -> None:
    publish(lab)
    engine, store = await ready(lab)
    await lab.start(engine, "talk")
    types: list[str] = []
    async for batch in engine.service.readers.watch(run_id(), after=0, beat_s=60.0):
        for item in batch:
            if isinstance(item, StoredEvent):
                message = parse_message(item.body)
                types.append(message.type)
                if isinstance(message, TextInput):
                    await engine.service.answer(run_id(), None, message.uuid, "yes")
    assert types == ["workflow_started", "text_input", "input_answered", "workflow_completed"]
    assert store.reads == 1


async def test_a_run_that_leaves_nothing_behind_is_dropped_without_a_task(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[object] = []

    async def cancel_all(*args: object) -> None:
        cancelled.append(args)

    monkeypatch.setattr(tracking, "cancel_all", cancel_all)
    publish(lab)
    engine, _ = await ready(lab)
    await lab.start(engine, "talk")
    await lab.question(engine)
    run = lab.live(engine)
    await lab.answer(engine, "yes")
    await until(lambda: not engine.driver.at_work)
    assert run.evicted
    assert not cancelled


async def test_a_run_that_starts_while_the_worker_looks_at_what_it_owns_is_not_let_go_of(lab: Lab) -> None:
    publish(lab)
    engine, store = await ready(lab)
    await lab.start(engine, "talk", 1)
    owned = await store.dispatcher.owned_runs(engine.worker)

    async def from_before(_worker: str, _among: object = None) -> dict[str, Owned]:
        await lab.start(engine, "talk", 2)
        await until(lambda: len(engine.driver.live) == 2)
        return owned

    store.dispatcher.owned_runs = from_before  # type: ignore[method-assign]
    await engine.driver.look()
    assert {*engine.driver.live} == {run_id(1), run_id(2)}


async def test_a_question_clears_the_run_in_its_own_commit(lab: Lab) -> None:
    publish(lab)
    engine, store = await ready(lab)
    acquitted: list[Lease] = []
    store.acquit_run = acquitted.append  # type: ignore[method-assign]
    await lab.start(engine, "talk")
    await lab.answer(engine, "yes")
    assert await lab.completed(engine) == "yes"
    assert not acquitted
