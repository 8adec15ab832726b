from __future__ import annotations

from typing import Any

from autogen.events.agent_events import (
    ErrorEvent,
    ExecutedFunctionEvent,
    FunctionCallEvent,
    FunctionResponseEvent,
    InputRequestEvent,
    ToolCallEvent,
    ToolResponseEvent,
)
from autogen.events.client_events import StreamEvent
from fastagency_backend.engine.slot import Slots
from fastagency_backend.frameworks.classic.stream import RunStream, speaking
from fastagency_shared.messages import FunctionCallExecution, SuggestedFunctionCall, TextChunk

BETWEEN: dict[str, Any] = {"sender": "ann", "recipient": "bob"}


class Log:
    """What a run is told."""

    def __init__(self) -> None:
        self.id = "0" * 32
        self.slots = Slots()
        self.messages: list[Any] = []
        self.chunks: list[TextChunk] = []

    def emit(self, message: Any) -> None:
        self.messages.append(message)

    def chunk(self, chunk: TextChunk) -> None:
        self.chunks.append(chunk)


def sent(*events: Any) -> list[Any]:
    log = Log()
    stream = RunStream(log)  # type: ignore[arg-type]
    for event in events:
        stream.send(event)
    return log.messages


def call(call_id: str) -> ToolCallEvent:
    function = {"name": "lookup", "arguments": "{}"}
    return ToolCallEvent(
        content=None, tool_calls=[{"id": call_id, "type": "function", "function": function}], **BETWEEN
    )  # type: ignore[call-arg]


def executed(call_id: str | None, content: str = "water") -> ExecutedFunctionEvent:
    return ExecutedFunctionEvent(  # type: ignore[call-arg]
        func_name="lookup", call_id=call_id, arguments={}, content=content, recipient="bob"
    )


def response(call_id: str, content: str = "water") -> ToolResponseEvent:
    return ToolResponseEvent(  # type: ignore[call-arg]
        content=content, tool_responses=[{"tool_call_id": call_id, "content": content}], **BETWEEN
    )


def executions(messages: list[Any]) -> list[tuple[str | None, str | None, Any]]:
    return [(m.function_name, m.call_id, m.retval) for m in messages if isinstance(m, FunctionCallExecution)]


def test_a_result_is_shown_once_though_it_is_sent_on() -> None:
    assert executions(sent(call("1"), executed("1"), response("1"))) == [("lookup", "1", "water")]


def test_a_result_that_was_not_executed_here_has_its_function_s_name() -> None:
    assert executions(sent(call("1"), response("1", "USER INTERRUPTED"))) == [("lookup", "1", "USER INTERRUPTED")]


def test_an_id_that_is_used_again_is_another_call() -> None:
    twice = sent(call("1"), executed("1"), response("1"), call("1"), executed("1", "ice"), response("1", "ice"))
    assert executions(twice) == [("lookup", "1", "water"), ("lookup", "1", "ice")]


def test_results_without_an_id_are_told_apart_by_function_and_text() -> None:
    def sent_on(content: str) -> FunctionResponseEvent:
        return FunctionResponseEvent(name="lookup", content=content, **BETWEEN)  # type: ignore[call-arg]

    shown = sent(
        FunctionCallEvent(content=None, function_call={"name": "lookup", "arguments": "{}"}, **BETWEEN),  # type: ignore[call-arg]
        executed(None),
        sent_on("water"),
        sent_on("USER INTERRUPTED"),
    )
    assert executions(shown) == [("lookup", None, "water"), ("lookup", None, "USER INTERRUPTED")]
    assert isinstance(shown[0], SuggestedFunctionCall)


def test_a_question_is_shown_by_being_asked_and_an_error_by_being_raised() -> None:
    asked = InputRequestEvent(prompt="Who?")  # type: ignore[call-arg]
    assert sent(asked, ErrorEvent(error=ValueError("no"))) == []  # type: ignore[call-arg]


def test_a_piece_names_who_speaks() -> None:
    log = Log()
    with speaking("ann", stream="s1"):
        RunStream(log).send(StreamEvent(content="wa"))  # type: ignore[arg-type,call-arg]
    assert [(chunk.sender, chunk.stream, chunk.delta) for chunk in log.chunks] == [("ann", "s1", "wa")]


def test_what_the_framework_prints_is_shown() -> None:
    log = Log()
    RunStream(log).print("a", "b", sep="-")  # type: ignore[arg-type]
    assert [message.body for message in log.messages] == ["a-b"]
