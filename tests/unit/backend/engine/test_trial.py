"""Runs whose workers died: taken up one at a time, and set aside when it must have been them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from fastagency_backend.engine import trial as trial_module
from fastagency_backend.engine.trial import Trials, window_s
from fastagency_backend.store.dispatch import ON_TRIAL
from fastagency_backend.workflow import AsyncUI
from fastagency_shared.messages import WorkflowFailed
from fastagency_shared.run import RunStatus

from tests.databases import execute
from tests.fakes.lab import Lab, run_id, until


async def died(lab: Lab, attempts: int, *, blamed: bool, numbers: tuple[int, ...] = (1,)) -> None:
    """Stop all engines, and make the runs what they would be had so many workers died with them."""
    await lab.close()

    ids = ", ".join(f"'{run_id(number)}'" for number in numbers)
    died = f"worker = 'dead', status = 'running', attempts = {attempts}, blamed = {blamed}"
    await asyncio.to_thread(execute, lab.database, f"UPDATE run SET {died} WHERE id IN ({ids})")


@pytest.mark.parametrize(("limit", "attempts", "blamed"), [(3, 3, True), (1, 1, True), (3, 2, True), (3, 9, False)])
async def test_who_is_blamed_for_the_last_of_its_attempts_is_set_aside(
    lab: Lab, limit: int, attempts: int, blamed: bool
) -> None:
    times: list[str] = []

    @lab.wf.register("flow", "Says and sleeps")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        times.append("once more")
        await ui.text_message(body="what it said")
        if len(times) == 1:
            await asyncio.Event().wait()
        return "done"

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await until(lambda: times)
    await died(lab, attempts, blamed=blamed)
    engine = await lab.engine(max_attempts=limit)
    record = await lab.ended(engine)
    assert await lab.texts(engine) == ["what it said"]
    if blamed and attempts >= limit:
        last = (await lab.log(engine))[-1]
        assert isinstance(last, WorkflowFailed)
        assert last.short == (
            f"This conversation has stopped the server {attempts} times in a row, and is not taken up again."
        )
        assert times == ["once more"]
    else:
        assert record.status is RunStatus.COMPLETED


async def test_suspects_are_taken_up_one_at_a_time_and_nobody_else_meanwhile(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_module, "WINDOW_S", 3600.0)
    free = {number: asyncio.Event() for number in range(1, 5)}
    at_work: list[int] = []

    @lab.wf.register("flow", "Waits, and gets further when it is told to")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        number: int = params["number"]
        at_work.append(number)
        await free[number].wait()
        await ui.step(asyncio.sleep, 0)
        await ui.text_message(body="further")
        await asyncio.Event().wait()
        return "never"

    engine = await lab.engine()
    for number in (1, 2, 3):
        await lab.start(engine, "flow", number, number=number)
    await until(lambda: len(at_work) == 3)
    await died(lab, ON_TRIAL, blamed=False, numbers=(1, 2, 3))
    at_work.clear()
    engine = await lab.engine()
    await until(lambda: at_work)
    await lab.start(engine, "flow", 4, number=4)
    order: list[int] = []
    while len(order) < 4:
        await until(lambda: len(at_work) > len(order))
        order.append(at_work[len(order)])
        free[order[-1]].set()
        await until(lambda: lab.texts(engine, order[-1]))
    assert sorted(order) == [1, 2, 3, 4]
    assert order[1] == 4, "after a trial, others come before the next one"
    assert [(await lab.run(engine, number)).attempts for number in (1, 2, 3, 4)] == [0, 0, 0, 0]


async def test_who_waits_for_a_person_is_acquitted(lab: Lab) -> None:
    @lab.wf.register("flow", "Asks")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input()

    engine = await lab.engine()
    for number in range(1, 6):
        await lab.start(engine, "flow", number)
        await lab.question(engine, number)
    await died(lab, ON_TRIAL + 3, blamed=False, numbers=(1, 2, 3, 4, 5))
    engine = await lab.engine()  # the last one's turn comes although none of the others has ended

    async def cleared() -> bool:
        return not any([(await lab.run(engine, number)).attempts for number in range(1, 6)])

    await until(cleared)


def test_a_trial_becomes_longer_with_each_death() -> None:
    windows = [window_s(attempts) for attempts in range(1, 12)]
    assert windows == sorted(windows)
    assert windows[:5] == [0.5, 0.5, 4.0, 32.0, 256.0]
    assert windows[-1] == trial_module.LONGEST_S


@pytest.mark.parametrize("how", ["further", "time", "left"])
async def test_a_trial_ends(how: str) -> None:
    now = [0.0]
    run = SimpleNamespace(acquitted=False)
    trials = Trials({"r": run}, lambda: now[0])  # type: ignore[dict-item]
    driving = asyncio.create_task(asyncio.sleep(3600))
    trials.begin(SimpleNamespace(id="r", attempts=ON_TRIAL), driving)  # type: ignore[arg-type]
    assert trials.under_way
    match how:
        case "further":
            run.acquitted = True
        case "time":
            now[0] = 0.5
        case "left":
            driving.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    assert not trials.under_way
    driving.cancel()
