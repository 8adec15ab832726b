"""The workflow of the tests with many hosts. Every effect is a line in a file: whose, which, receipt, when, by whom."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastagency_backend.workflow import AsyncUI, Workflow

wf = Workflow()

STEP_S = 0.1


async def pay(run: str, what: str) -> str:
    receipt = uuid4().hex
    with Path(os.environ["TEST_PAID"]).open("a") as file:
        file.write(f"{run} {what} {receipt} {time.time()} {os.getpid()}\n")
    await asyncio.sleep(STEP_S)
    return receipt


@wf.register(name="work", description="Pays and shows the receipts; asks at times, and pays for what is answered")
async def work(ui: AsyncUI, params: dict[str, Any]) -> str:
    for number in range(params["steps"]):
        await ui.text_message(body=f"{number} {await ui.step(pay, params['name'], str(number))}")
        if number % params["ask_every"] == 1:
            said = await ui.text_input(prompt=f"Go on after {number}?")
            await ui.text_message(body=f"{said} {await ui.step(pay, params['name'], said)}")
    return "done"
