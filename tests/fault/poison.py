"""Workflows that take their process down, or try to; and innocents."""

from __future__ import annotations

import asyncio
import os
import re
import time
from typing import Any

from autogen import ConversableAgent
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import FunctionCall
from fastagency_backend.workflow import UI, AsyncUI, Workflow

from tests.integration.test_agentchat_record import Model
from tests.integration.test_tool_failures import Script

wf = Workflow()


def leave() -> str:
    raise SystemExit(3)


async def leave_soon() -> str:
    await asyncio.sleep(0)
    raise SystemExit(3)


@wf.register(name="async", description="Exits")
async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(body="so far")
    return leave()


@wf.register(name="step", description="Exits in a step")
async def step(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(body="so far")
    return await ui.step(leave)


@wf.register(name="task", description="Exits in a task that nobody awaits")
async def task(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(body="so far")
    spawned = asyncio.create_task(leave_soon())
    await asyncio.Event().wait()
    return await spawned


@wf.register(name="interrupt", description="Raises KeyboardInterrupt")
async def interrupt(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(body="so far")
    raise KeyboardInterrupt


@wf.register(name="thread", description="Exits in its thread")
def thread(ui: UI, params: dict[str, Any]) -> str:
    ui.text_message(body="so far")
    return leave()


@wf.register(name="tool", description="A tool of a team exits")
async def tool(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(body="so far")
    model = Model([FunctionCall(id="c1", name="leave", arguments="{}")], "sorry")
    agent = AssistantAgent("clerk", model, tools=[ui.tool(leave, "Leave")])
    team = RoundRobinGroupChat([agent], termination_condition=MaxMessageTermination(5))
    return await ui.process(team.run_stream(task="Leave"))


@wf.register(name="function", description="A function of the classic API exits")
def function(ui: UI, params: dict[str, Any]) -> str:
    ui.text_message(body="so far")
    asker = ConversableAgent("asker", llm_config=False, human_input_mode="NEVER")
    clerk = ConversableAgent("clerk", llm_config=False, human_input_mode="NEVER")
    clerk.register_function({"leave": leave})
    asker.register_reply([ConversableAgent, None], Script("leave", "{}").reply)
    clerk.initiate_chat(asker, message="Leave", max_turns=2)
    return "done"


RAISING = ("async", "step", "task", "interrupt", "thread", "tool", "function")


@wf.register(name="ends the process", description="Out of memory, say")
async def ends_process(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(body="so far")
    await ui._run.journal.backlog.drain(fully=True)
    await asyncio.sleep(params.get("after_s", 0))
    os._exit(1)


@wf.register(name="asks", description="Waits for a person")
async def asks(ui: AsyncUI, params: dict[str, Any]) -> str:
    return await ui.text_input(prompt="Well?")


@wf.register(name="works", description="Gets further all the time")
async def works(ui: AsyncUI, params: dict[str, Any]) -> str:
    for number in range(10):
        await ui.step(asyncio.sleep, 0.2 + number / 1000)
    return "done"


@wf.register(name="thinks", description="Gets no further for a while")
async def thinks(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.step(asyncio.sleep, 2.5)
    return "done"


@wf.register(name="sleeps", description="Blocks the loop for a while")
async def sleeps(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(body="so far")
    time.sleep(params["for_s"])
    return "done"


@wf.register(name="spins", description="Blocks the loop for ever")
async def spins(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(body="so far")
    while True:
        pass


@wf.register(name="matches", description="Holds the interpreter's lock for ever")
async def matches(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(body="so far")
    await ui._run.journal.backlog.drain(fully=True)
    return str(re.match(r"(a+)+$", "a" * 50 + "b"))
