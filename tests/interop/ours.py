"""A backend of ours for the peer's client: what the guide's applications do not show, with a password and a prefix."""

from __future__ import annotations

from typing import Annotated, Any

from autogen.agentchat import ConversableAgent
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from fastagency import UI, Workflow
from fastagency.adapters.fastapi import FastAPIAdapter
from fastagency.runtimes.ag2 import llm_config

wf = Workflow()


@wf.register(name="talk", description="Two agents of the classic API")
def talk(ui: UI, params: dict[str, Any]) -> str:
    student = ConversableAgent("student", system_message="You are a student.", llm_config=llm_config())
    teacher = ConversableAgent("teacher", system_message="You are a teacher.", llm_config=llm_config())
    return ui.process(student.run(teacher, message="Hello", max_turns=2, summary_method="last_msg"))


@wf.register(name="broken", description="Fails")
def broken(ui: UI, params: dict[str, Any]) -> str:
    raise RuntimeError("the kitchen is on fire")


@wf.register(name="patient", description="Says that it is alive, then something")
def patient(ui: UI, params: dict[str, Any]) -> str:
    ui.keep_alive(sender="Workflow")
    ui.text_message(sender="Workflow", body="Said after the sign of life.")
    return "done"


def user_of(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]) -> str:
    return credentials.username


app = FastAPI()
app.include_router(FastAPIAdapter(provider=wf, get_user_id=user_of).router, prefix="/api")
