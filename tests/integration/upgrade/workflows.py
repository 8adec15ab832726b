"""Workflows that version 1.0 began and today's code ends: of public names only, so that both can import this file.

`CALLS` lists what was paid for in this process. While UPGRADE_HOLD is set, what is `held` does not come back: a run
that has come that far can be killed in the middle of a call.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from autogen import ConversableAgent
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.teams import RoundRobinGroupChat

from fastagency import UI, AsyncUI, Workflow
from fastagency.runtimes.ag2 import llm_config

wf = Workflow()

CALLS: list[str] = []
HELD: list[str] = []


def costly(what: str, *, places: int = 1) -> dict[str, Any]:
    CALLS.append(what)
    return {"what": what, "places": places}


async def costly_later(what: str) -> str:
    await asyncio.sleep(0)
    CALLS.append(what)
    return f"{what} is done"


def held(what: str) -> str:
    HELD.append(what)
    while os.environ.get("UPGRADE_HOLD"):
        time.sleep(0.01)
    CALLS.append(what)
    return f"{what} is done"


async def held_later(what: str) -> str:
    HELD.append(what)
    while os.environ.get("UPGRADE_HOLD"):
        await asyncio.sleep(0.01)
    CALLS.append(what)
    return f"{what} is done"


@wf.register(name="blocking", description="All that a `def` can do")
def blocking(ui: UI, params: dict[str, Any]) -> str:
    ui.text_message(sender="clerk", recipient="you", body="Good morning")
    ui.text_message(sender="clerk", body=f"{ui.now()} {ui.random()}")
    ui.text_message(sender="clerk", body="again")
    ui.text_message(sender="clerk", body="again")
    ui.suggested_function_call(sender="clerk", function_name="costly", call_id="1", arguments={"what": "a table"})
    table = ui.step(costly, "a table", places=params["places"])
    ui.function_call_execution(sender="clerk", function_name="costly", call_id="1", retval=table)
    ui.function_call_execution(sender="clerk", function_name="costly", call_id="1", retval=ui.step(costly, "a table"))
    ui.system_message(message={"heading": "Booked", "body": "A table"})
    ui.error(short="It is late", long=None)
    ui.keep_alive(sender="clerk")
    dish = ui.multiple_choice(sender="clerk", prompt="What?", choices=["soup", "salad"], default="soup")
    both = ui.multiple_choice(sender="clerk", prompt="Which?", choices=["bread", "salt"], single=False)
    ui.text_message(body=f"{dish} with {both}, half a face: \ud83d")
    secret = ui.text_input(sender="clerk", prompt="The code?", password=True)
    ui.text_message(body=f"{ui.step(costly, secret)} {ui.random()}")
    return f"{dish} {table['places']}"


@wf.register(name="awaited", description="All that an `async def` can do, side by side")
async def awaited(ui: AsyncUI, params: dict[str, Any]) -> str:
    async def branch(name: str) -> str:
        await ui.text_message(sender=name, body="begins")
        said = [await ui.step(costly_later, name), await ui.step(costly_later, name)]
        said.append(await ui.text_input(sender=name, prompt="And now?"))
        said.append(await ui.step(costly_later, f"{name} again"))
        await ui.function_call_execution(sender=name, function_name="costly_later", call_id=name, retval=said)
        return " ".join(said)

    return " | ".join(await asyncio.gather(*map(branch, ("ann", "bob", "eve"))))


@wf.register(name="killed", description="Killed in the middle of a call")
async def killed(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(body=await ui.step(costly_later, "the first"))
    name = await ui.text_input(prompt="Your name?", suggestions=["Ada"])
    await ui.function_call_execution(function_name="costly_later", call_id="1", retval=name)
    await ui.text_message(body=await ui.step(held_later, name))
    return f"{name} {await ui.now()}"


@wf.register(name="killed in its thread", description="Killed in the middle of a call")
def killed_in_thread(ui: UI, params: dict[str, Any]) -> str:
    ui.text_message(body=str(ui.step(costly, "the first")))
    name = ui.text_input(prompt="Your name?")
    ui.text_message(body=ui.step(held, name))
    return name


async def price(dish: str) -> str:
    """The price of a dish."""
    CALLS.append(f"price of {dish}")
    return f"{dish} is 5 euro"


@wf.register(name="team", description="AgentChat, with a tool and a person")
async def team(ui: AsyncUI, params: dict[str, Any]) -> str:
    model = ui.model_client()
    cook = AssistantAgent("cook", model, tools=[ui.tool(price)], model_client_stream=True, reflect_on_tool_use=True)
    guest = UserProxyAgent("guest", input_func=ui.input_func)
    group = RoundRobinGroupChat([cook, guest], max_turns=6)
    return await ui.process(group.run_stream(task='What is the price of the dish "soup"?'))


@wf.register(name="classic", description="The classic API, with a function and a person")
def classic(ui: UI, params: dict[str, Any]) -> str:
    model = llm_config()
    cook = ConversableAgent("cook", llm_config=model, human_input_mode="NEVER")
    guest = ConversableAgent("guest", llm_config=False, human_input_mode="ALWAYS")

    @guest.register_for_execution()
    @cook.register_for_llm(description="The price of a dish")
    def price(dish: str) -> str:
        CALLS.append(f"price of {dish}")
        return f"{dish} is 5 euro"

    chat = guest.initiate_chat(cook, message='What is the price of the dish "soup"?', max_turns=5)
    return str(chat.summary)


ANSWERS: dict[str, list[Any]] = {
    "blocking": ["salad", ["bread", "salt"], "1234"],
    "awaited": ["yes", "no", "perhaps"],
    "killed": ["Ada"],
    "killed in its thread": ["Ada"],
    "team": ["And the salad?", 'The price of the dish "tea"?', "thanks"],
    "classic": ["", 'The price of the dish "tea"?', "", "exit"],
}
"""What the person says, in order."""
BEFORE = {"blocking": 2, "awaited": 2, "killed": 1, "killed in its thread": 1, "team": 2, "classic": 3}
"""How many of these answers version 1.0 was given."""
PARAMS: dict[str, dict[str, Any]] = {"blocking": {"places": 2}}


def run_id(name: str, first: int = 1) -> str:
    return f"{list(ANSWERS).index(name) + first:032x}"
