"""Workflows that ask with a deadline and sleep, in turns."""

from __future__ import annotations

from typing import Any

from fastagency_backend.workflow import UI, AsyncUI, Workflow

wf = Workflow()
TURNS = 8


@wf.register(name="on_loop", description="Asks and sleeps")
async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> str:
    heard = []
    for turn in range(TURNS):
        heard.append(await ui.text_input(prompt=f"{turn}", default=f"default {turn}", deadline_s=params["deadline_s"]))
        await ui.text_message(body=f"heard {turn}")
        await ui.sleep(params["sleep_s"])
        await ui.text_message(body=f"slept {turn}")
    return "; ".join(heard)


@wf.register(name="in_thread", description="Asks and sleeps")
def in_thread(ui: UI, params: dict[str, Any]) -> str:
    heard = []
    for turn in range(TURNS):
        heard.append(ui.text_input(prompt=f"{turn}", default=f"default {turn}", deadline_s=params["deadline_s"]))
        ui.text_message(body=f"heard {turn}")
        ui.sleep(params["sleep_s"])
        ui.text_message(body=f"slept {turn}")
    return "; ".join(heard)


@wf.register(name="sleeper", description="Sleeps once, for long")
async def sleeper(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.sleep(params["sleep_s"])
    return "slept"
