"""A backend of the peer, run in the peer's environment: what a workflow of it can do, open and behind a password."""

import os
from typing import Annotated, Any

from autogen import LLMConfig
from autogen.agentchat import ConversableAgent
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from fastagency import UI
from fastagency.adapters.fastapi import FastAPIAdapter
from fastagency.runtimes.ag2 import Workflow

wf = Workflow()


@wf.register(name="tour", description="Every message and every question")
def tour(ui: UI, params: dict[str, Any]) -> str:
    name = ui.text_input(sender="Office", recipient="User", prompt="What is your name?", suggestions=["Ada"])
    ui.text_input(sender="Office", prompt="A secret?", password=True)
    size = ui.multiple_choice(sender="Office", prompt="Which size?", choices=["Small", "Large"], default="Small")
    extras = ui.multiple_choice(sender="Office", prompt="With what?", choices=["Olives", "Basil", "Corn"], single=False)
    ui.text_message(sender="Office", recipient="User", body=f"**{name}** takes {size} with {extras}.")
    ui.suggested_function_call(sender="Office", function_name="bake", call_id="call_1", arguments={"size": size})
    ui.function_call_execution(sender="Oven", function_name="bake", call_id="call_1", retval="ready")
    ui.system_message(sender="Office", message={"heading": "Closing", "body": "We close soon."})
    ui.keep_alive()
    ui.error(sender="Oven", short="The oven is hot.", long="Let it cool down.")
    return f"{name}: {size} {extras}"


@wf.register(name="async", description="A coroutine")
async def as_coroutine(ui: UI, params: dict[str, Any]) -> str:
    return f"Hello, {ui.text_input(sender='Office', prompt='What is your name?')}!"


@wf.register(name="broken", description="Fails")
def broken(ui: UI, params: dict[str, Any]) -> str:
    raise RuntimeError("the kitchen is on fire")


def _agents() -> tuple[ConversableAgent, ConversableAgent]:
    model = {"model": "fake", "api_key": "sk-fake", "base_url": os.environ["FAKE_MODEL"], "price": [0, 0]}
    config = LLMConfig(model)
    return (
        ConversableAgent("student", system_message="You are a student.", llm_config=config),
        ConversableAgent("teacher", system_message="You are a teacher.", llm_config=config),
    )


@wf.register(name="run", description="Agents, the newer way")
def with_run(ui: UI, params: dict[str, Any]) -> str:
    student, teacher = _agents()
    return ui.process(student.run(teacher, message="Hello", max_turns=2, summary_method="last_msg"))


@wf.register(name="initiate_chat", description="Agents, the way of the guide")
def with_initiate_chat(ui: UI, params: dict[str, Any]) -> str:
    student, teacher = _agents()
    return student.initiate_chat(teacher, message="Hello", max_turns=2, summary_method="last_msg").summary


def user_of(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    return credentials.username


app = FastAPI()
app.include_router(FastAPIAdapter(provider=wf).router)
app.include_router(FastAPIAdapter(provider=wf, get_user_id=user_of).router, prefix="/secured")
