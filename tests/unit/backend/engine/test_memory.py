"""A run that leaves memory leaves it at once: nothing of it waits for the collector of cycles, which comes late."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from fastagency_backend.engine import engine as engine_module
from fastagency_backend.engine import memory
from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.run import Run
from fastagency_backend.workflow import UI, AsyncUI

from tests.fakes.lab import Lab, run_id, until


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("kind", ["async def", "def"])
@pytest.mark.usefixtures("no_collector")
async def test_a_run_that_is_parked_is_free_without_the_collector(lab: Lab, kind: str) -> None:
    seen: list[weakref.ref[Run]] = []

    def note() -> None:
        run = current_run()
        assert run is not None
        seen.append(weakref.ref(run))

    if kind == "def":

        @lab.wf.register("asks", "Asks")
        def asks(ui: UI, params: dict[str, Any]) -> str:
            note()
            return ui.text_input(prompt="Well?")

    else:

        @lab.wf.register("asks", "Asks")
        async def asks_on_loop(ui: AsyncUI, params: dict[str, Any]) -> str:
            note()
            return await ui.text_input(prompt="Well?")

    engine = await lab.engine(warm_s=0.0)
    for number in (1, 2, 3):
        await lab.start(engine, "asks", number)
        await lab.parked(engine, number)
    assert len(seen) == 3
    await until(lambda: not any(run() for run in seen))
    await lab.answer(engine, "yes")
    assert await lab.completed(engine) == "yes"
    await until(lambda: run_id() not in engine.driver.live)
    await until(lambda: not any(run() for run in seen))


async def test_memory_is_given_back_when_a_wave_of_runs_is_over(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    @lab.wf.register("asks", "Asks")
    async def asks(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input(prompt="Well?")

    given_back: list[int] = []
    give_back = memory.give_back

    def noted() -> None:
        given_back.append(engine.driver.parked)
        give_back()

    monkeypatch.setattr(memory, "give_back", noted)
    monkeypatch.setattr(engine_module, "WAVE", 10)
    engine = await lab.engine(warm_s=0.0)
    for number in range(1, 10):
        await lab.start(engine, "asks", number)
    for number in range(1, 10):
        await lab.parked(engine, number)
    await asyncio.sleep(0)
    assert not given_back, "nine are not ten"
    await lab.start(engine, "asks", 10)
    await until(lambda: given_back == [10])
    assert engine._chores.well


@pytest.fixture
def portions() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("portions")
def test_the_collector_looks_less_often_unless_the_application_has_set_it() -> None:
    gc.set_threshold(memory.PYTHONS_YOUNG, 7, 8)
    memory.look_less_often()
    assert gc.get_threshold()[:2] == (memory.YOUNG, 7)
    for own in (0, 500, 50_000):
        gc.set_threshold(own, 7, 8)
        memory.look_less_often()
        assert gc.get_threshold()[0] == own
