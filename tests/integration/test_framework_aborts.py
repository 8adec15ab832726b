"""What agents, tools and functions raise that is no `Exception` ends the run: no framework may swallow it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from autogen import ConversableAgent
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken, FunctionCall
from fastagency_backend import frameworks
from fastagency_backend.engine.run import Run
from fastagency_shared.messages import WorkflowFailed

from tests.fakes.engine import Body, logged, running, start, watch
from tests.integration.test_agentchat_record import Model
from tests.integration.test_tool_failures import Script


class OutOfTheOrdinary(BaseException):
    """No `Exception`, and none that the event loop knows."""


def in_tool(kind: type[BaseException], *, blocking: bool) -> Body:
    async def leave(a: int) -> str:
        """Leave."""
        raise kind

    def leave_blocking(a: int) -> str:
        """Leave."""
        raise kind

    async def body(run: Run) -> str:
        frameworks.install()
        function = leave_blocking if blocking else leave
        model = Model([FunctionCall(id="c1", name=function.__name__, arguments='{"a": 1}')], "sorry")
        clerk = AssistantAgent("clerk", model, tools=[function])
        team = RoundRobinGroupChat([clerk], termination_condition=MaxMessageTermination(5))
        return await frameworks.process(team.run_stream(task="Go"), run)

    return body


class Leaver(BaseChatAgent):
    """An agent of the application's own."""

    produced_message_types = (TextMessage,)

    def __init__(self, kind: type[BaseException]) -> None:
        super().__init__("leaver", "Leaves")
        self._kind = kind

    async def on_messages(self, messages: Sequence[BaseChatMessage], token: CancellationToken) -> Response:
        raise self._kind

    async def on_reset(self, token: CancellationToken) -> None:
        return


def in_agent(kind: type[BaseException]) -> Body:
    async def body(run: Run) -> str:
        frameworks.install()
        team = RoundRobinGroupChat([Leaver(kind)], termination_condition=MaxMessageTermination(5))
        return await frameworks.process(team.run_stream(task="Go"), run)

    return body


def classic(kind: type[BaseException], way: str) -> Body:
    async def leave(a: int) -> str:
        raise kind

    def leave_blocking(a: int) -> str:
        raise kind

    async def body(run: Run) -> str:
        frameworks.install()
        asker = ConversableAgent("asker", llm_config=False, human_input_mode="NEVER")
        clerk = ConversableAgent("clerk", llm_config=False, human_input_mode="NEVER")
        clerk.register_function({"divide": leave if way == "async function" else leave_blocking})
        asker.register_reply([ConversableAgent, None], Script("divide", '{"a": 1}').reply)
        if way == "run":
            response = await asyncio.to_thread(clerk.run, asker, message="Go", max_turns=2)
            return await frameworks.process(response, run)
        await clerk.a_initiate_chat(asker, message="Go", max_turns=2)
        return "done"

    return body


PLACES: list[Any] = [
    pytest.param(lambda kind: in_tool(kind, blocking=False), id="tool"),
    pytest.param(lambda kind: in_tool(kind, blocking=True), id="tool in a thread"),
    pytest.param(in_agent, id="agent"),
    *(
        pytest.param(lambda kind, way=way: classic(kind, way), id=f"classic {way}")
        for way in ("async function", "function", "run")
    ),
]


@pytest.mark.parametrize("kind", [SystemExit, OutOfTheOrdinary])
@pytest.mark.parametrize("place", PLACES)
async def test_it_ends_the_run(tmp_path: Path, place: Callable[[Any], Body], kind: type[BaseException]) -> None:
    async with running(tmp_path / "runs.sqlite3", place(kind)) as engine:
        await start(engine)
        await watch(engine)
        assert isinstance((await logged(engine))[-1], WorkflowFailed)
