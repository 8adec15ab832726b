"""The workflows that the benchmarks run, and the application that serves them."""

from __future__ import annotations

import asyncio
from typing import Any

from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.engine import Engine
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import UI, AsyncUI, Workflow
from fastagency_shared.messages import TextChunk
from fastapi import FastAPI

from benchmarks.text import BODY, CHUNK

wf = Workflow()


@wf.register(name="echo", description="The smallest run that talks to somebody")
async def echo(ui: AsyncUI, params: dict[str, Any]) -> str:
    said = await ui.text_input(sender="a", recipient="User", prompt="What?")
    await ui.text_message(sender="a", recipient="User", body=said)
    return "done"


@wf.register(name="flood", description="Sends messages as fast as it can")
async def flood(ui: AsyncUI, params: dict[str, Any]) -> str:
    for _ in range(params["messages"]):
        await ui.text_message(sender="a", recipient="b", body=BODY)
    return "done"


@wf.register(name="flood_thread", description="The same from a thread")
def flood_thread(ui: UI, params: dict[str, Any]) -> str:
    for _ in range(params["messages"]):
        ui.text_message(sender="a", recipient="b", body=BODY)
    return "done"


@wf.register(name="questions", description="Asks and says something after each answer")
async def questions(ui: AsyncUI, params: dict[str, Any]) -> str:
    for number in range(params["questions"]):
        await ui.text_input(sender="a", recipient="User", prompt=f"Question {number}?")
    return "done"


@wf.register(name="questions_thread", description="The same from a thread")
def questions_thread(ui: UI, params: dict[str, Any]) -> str:
    for number in range(params["questions"]):
        ui.text_input(sender="a", recipient="User", prompt=f"Question {number}?")
    return "done"


@wf.register(name="steps", description="Calls something that takes no time, and says so, recorded or not")
async def steps(ui: AsyncUI, params: dict[str, Any]) -> str:
    def nothing(number: int) -> int:
        return number

    for number in range(params["steps"]):
        result = await ui.step(nothing, number) if params["recorded"] else nothing(number)
        await ui.text_message(sender="a", recipient="b", body=f"{result}: {BODY}")
    return "done"


@wf.register(name="chunks", description="A message that a model writes token by token")
async def chunks(ui: AsyncUI, params: dict[str, Any]) -> str:
    run = current_run()
    assert run is not None, "a workflow is always inside its run"
    for _ in range(params["chunks"]):
        run.chunk(TextChunk(sender="a", stream="s", delta=CHUNK))
        await asyncio.sleep(0)
    await ui.text_message(sender="a", recipient="User", body="written")
    return "done"


adapter = FastAPIAdapter(provider=wf)
app = FastAPI()
app.include_router(adapter.router)


@app.get("/live")
async def live() -> dict[str, int]:
    """How many runs are in memory."""
    engine: Engine = await adapter.engine()
    return {"runs": len(engine.driver.live)}
