"""Workflows for a disk that is full on and off: each call is noted in a file, so that one made twice shows."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from fastagency_backend.workflow import UI, AsyncUI, Workflow

wf = Workflow()
PAID = Path(os.environ["TEST_PAID"])
TURNS = 40


def pay(run: int, number: int) -> str:
    with PAID.open("a") as file:
        file.write(f"{run} {number}\n")
    return f"{number} " + "x" * 20_000


async def pay_later(run: int, number: int) -> str:
    await asyncio.sleep(0.01)
    return pay(run, number)


@wf.register(name="on_loop", description="Counts")
async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> str:
    for number in range(TURNS):
        result = await ui.step(pay_later, params["run"], number)
        await ui.text_message(body=result)
        await ui.text_message(body=f"after {number}")
    return "done"


@wf.register(name="in_thread", description="Counts")
def in_thread(ui: UI, params: dict[str, Any]) -> str:
    for number in range(TURNS):
        ui.text_message(body=ui.step(pay, params["run"], number))
        ui.text_message(body=f"after {number}")
    return "done"
