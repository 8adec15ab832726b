"""A run that leaves memory leaves it at once: nothing of it waits for the collector of cycles, which comes late."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
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
    assert run_id() not in engine.driver.live
    await until(lambda: not any(run() for run in seen))
