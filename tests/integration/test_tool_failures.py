"""A tool that raises, one that is not there, and arguments that are not JSON: in the log, and "failed" on the page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from autogen import ConversableAgent
from autogen_agentchat.agents import AssistantAgent
from autogen_core import FunctionCall
from fastagency_backend import frameworks
from fastagency_backend.engine.run import Run
from fastagency_shared.messages import FunctionCallExecution

from tests.fakes.engine import RUN_ID, Body, logged, running, start, watch
from tests.integration.test_agentchat_record import Model

FAILURES = [
    pytest.param("divide", '{"a": 1}', "ZeroDivisionError", id="a tool that raises"),
    pytest.param("multiply", '{"a": 1}', None, id="a tool that is not there"),
    pytest.param("divide", '{"a": 1', None, id="arguments that are not JSON"),
]


def divide(a: int) -> float:
    """Divide by nothing."""
    return a / 0


def agentchat(tool: str, arguments: str) -> Body:
    async def body(run: Run) -> str:
        frameworks.install()
        model = Model([FunctionCall(id="c1", name=tool, arguments=arguments)], "sorry")
        agent = AssistantAgent("clerk", model, tools=[divide], reflect_on_tool_use=True)
        return await frameworks.process(agent.run_stream(task="Divide"), run)

    return body


class Script:
    """A model of the classic API: asks for one call of a tool."""

    def __init__(self, tool: str, arguments: str) -> None:
        function = {"name": tool, "arguments": arguments}
        self._message = {"role": "assistant", "content": None}
        self._message["tool_calls"] = [{"id": "c1", "type": "function", "function": function}]

    def reply(self, *_: Any, **__: Any) -> tuple[bool, Any]:
        return True, self._message


def classic(tool: str, arguments: str) -> Body:
    async def body(run: Run) -> str:
        frameworks.install()
        asker = ConversableAgent("asker", llm_config=False, human_input_mode="NEVER")
        clerk = ConversableAgent("clerk", llm_config=False, human_input_mode="NEVER")
        clerk.register_function({"divide": divide})
        asker.register_reply([ConversableAgent, None], Script(tool, arguments).reply)
        await clerk.a_initiate_chat(asker, message="Divide", max_turns=2)
        return "done"

    return body


async def results(path: Path, body: Body) -> list[FunctionCallExecution]:
    async with running(path, body) as engine:
        await start(engine)
        await watch(engine)
        log = await logged(engine)
    return [message for message in log if isinstance(message, FunctionCallExecution)]


@pytest.mark.parametrize("kind", [agentchat, classic])
@pytest.mark.parametrize(("tool", "arguments", "raised"), FAILURES)
async def test_it_is_logged_once_and_marked(
    kind: Callable[[str, str], Body],
    tool: str,
    arguments: str,
    raised: str | None,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (result,) = await results(tmp_path / "runs.sqlite3", kind(tool, arguments))
    assert result.is_error
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1, [record.getMessage() for record in errors]
    assert repr(tool) in errors[0].getMessage()
    assert errors[0].run_id == RUN_ID  # type: ignore[attr-defined]
    if raised is not None:
        assert errors[0].exc_info is not None
        assert errors[0].exc_info[0].__name__ == raised  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [agentchat, classic])
async def test_a_call_that_succeeds_is_not_marked(
    kind: Callable[[str, str], Body], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(a: int) -> float:
        """Divide by two."""
        return a / 2

    monkeypatch.setitem(globals(), "divide", half)
    half.__name__ = "divide"
    (result,) = await results(tmp_path / "runs.sqlite3", kind("divide", '{"a": 1}'))
    assert not result.is_error
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
