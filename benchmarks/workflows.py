"""The workflows that the benchmarks run, and the application that serves them."""

from __future__ import annotations

from typing import Any

from fastagency_backend.engine.engine import Engine
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import UI, AsyncUI, Workflow
from fastapi import FastAPI

BODY = "The quick brown fox jumps over the lazy dog. " * 4

wf = Workflow()


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


adapter = FastAPIAdapter(provider=wf)
app = FastAPI()
app.include_router(adapter.router)


@app.get("/live")
async def live() -> dict[str, int]:
    """How many runs are in memory."""
    engine: Engine = await adapter.engine()
    return {"runs": len(engine.driver.live)}
