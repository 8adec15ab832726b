"""What a call returns in the moment in which its run leaves the worker is recorded: nobody pays for it again."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from fastagency_backend.engine.engine import Engine
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.run import RunStatus

from tests.fakes.lab import Lab, run_id, until


async def stop_in_the_middle(lab: Lab, called: list[str]) -> Engine:
    """Start the run, stop its engine while the first call is under way, and go on with another."""
    first = await lab.engine()
    await lab.start(first, "pay")
    await until(lambda: called)
    await lab.stop(first)
    return await lab.engine()


async def test_a_call_in_a_thread_that_ends_as_the_run_leaves_is_not_made_again(lab: Lab) -> None:
    called: list[str] = []

    @lab.wf.register("pay", "Pays twice")
    def pay(ui: UI, params: dict[str, Any]) -> str:
        def charge(what: str) -> str:
            called.append(what)
            if len(called) == 1:
                run = ui._run
                while not run.evicted:
                    time.sleep(0.001)
            return f"{what} paid"

        return f"{ui.step(charge, 'rent')}, {ui.step(charge, 'heating')}"

    second = await stop_in_the_middle(lab, called)
    assert await lab.completed(second) == "rent paid, heating paid"
    assert called == ["rent", "heating"]


async def test_a_call_that_takes_long_holds_no_worker_up(lab: Lab) -> None:
    called: list[str] = []
    goes_on = threading.Event()

    @lab.wf.register("pay", "Pays")
    def pay(ui: UI, params: dict[str, Any]) -> str:
        def charge() -> str:
            called.append("rent")
            goes_on.wait(60)
            return "paid"

        return str(ui.step(charge))

    first = await lab.engine()
    await lab.start(first, "pay")
    await until(lambda: called)
    async with asyncio.timeout(10):
        await lab.stop(first)
    goes_on.set()
    second = await lab.engine()
    assert await lab.completed(second) == "paid"
    assert called == ["rent", "rent"]


async def test_a_run_that_was_stopped_by_a_person_records_nothing_more(lab: Lab) -> None:
    called: list[str] = []

    @lab.wf.register("pay", "Pays")
    async def pay(ui: AsyncUI, params: dict[str, Any]) -> str:
        async def charge() -> str:
            called.append("rent")
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return "paid after all"
            return "paid"

        return str(await ui.step(charge))

    engine = await lab.engine()
    await lab.start(engine, "pay")
    await until(lambda: called)
    await engine.service.cancel(run_id(), None)
    await until(lambda: not engine.driver.at_work)
    assert (await lab.run(engine)).status is RunStatus.CANCELLED
    assert (await engine.store.load_log(run_id())).steps == {}
