"""Every event of AgentChat has its messages, and an identity that survives a replay."""

from __future__ import annotations

import inspect
from typing import Any, Literal

import pytest
from autogen_agentchat import messages as events
from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    BaseTextChatMessage,
    CodeExecutionEvent,
    CodeGenerationEvent,
    HandoffMessage,
    MemoryQueryEvent,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    SelectorEvent,
    SelectSpeakerEvent,
    StopMessage,
    StructuredMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    ToolCallSummaryMessage,
    UserInputRequestedEvent,
)
from autogen_core import FunctionCall, Image
from autogen_core.code_executor import CodeBlock, CodeResult
from autogen_core.memory import MemoryContent, MemoryMimeType
from autogen_core.models import FunctionExecutionResult, RequestUsage
from fastagency_backend.frameworks.agentchat.translate import chunk, identity, text_of, translate
from PIL import Image as Picture
from pydantic import BaseModel


class Grade(BaseModel):
    subject: str
    points: int


CALL = FunctionCall(id="c1", name="add", arguments='{"a": 1, "b": 2}')
RESULT = FunctionExecutionResult(content="3", name="add", call_id="c1", is_error=False)
IMAGE = Image(Picture.new("RGB", (4, 3)))

SHOWN: list[tuple[Any, list[tuple[str, dict[str, Any]]]]] = [
    (TextMessage(source="a", content="hi"), [("text_message", {"body": "hi"})]),
    (
        MultiModalMessage(source="a", content=["look", IMAGE]),
        [("text_message", {"body": "look\n\n*(image, 4 x 3 pixels)*"})],
    ),
    (
        StructuredMessage[Grade](source="a", content=Grade(subject="x", points=2)),
        [("text_message", {"body": '```json\n{\n  "subject": "x",\n  "points": 2\n}\n```'})],
    ),
    (
        StructuredMessage[Grade](source="a", content=Grade(subject="x", points=2), format_string="{subject}: {points}"),
        [("text_message", {"body": "x: 2"})],
    ),
    (StopMessage(source="a", content="enough"), [("system_message", {"message": {"event": "stop", "text": "enough"}})]),
    (
        HandoffMessage(source="a", target="b", content="yours"),
        [("system_message", {"message": {"event": "handoff", "text": "yours", "target": "b"}})],
    ),
    (
        ToolCallRequestEvent(source="a", content=[CALL, FunctionCall(id="c2", name="f", arguments="not json")]),
        [
            ("suggested_function_call", {"function_name": "add", "call_id": "c1", "arguments": {"a": 1, "b": 2}}),
            (
                "suggested_function_call",
                {"function_name": "f", "call_id": "c2", "arguments": {"arguments": "not json"}},
            ),
        ],
    ),
    (
        ToolCallExecutionEvent(
            source="a",
            content=[RESULT, FunctionExecutionResult(content="no", name="f", call_id="c2", is_error=True)],
        ),
        [
            ("function_call_execution", {"function_name": "add", "call_id": "c1", "retval": "3", "is_error": False}),
            (
                "function_call_execution",
                {"function_name": "f", "call_id": "c2", "retval": {"error": "no"}, "is_error": True},
            ),
        ],
    ),
    (
        ToolCallSummaryMessage(source="a", content="it is 3", tool_calls=[CALL], results=[RESULT]),
        [("text_message", {"body": "it is 3"})],
    ),
    (
        MemoryQueryEvent(source="a", content=[MemoryContent(content="likes tea", mime_type=MemoryMimeType.TEXT)]),
        [("system_message", {"message": {"event": "memory", "text": "likes tea"}})],
    ),
    (UserInputRequestedEvent(source="a", request_id="r1"), []),
    (ThoughtEvent(source="a", content="hm"), [("thought", {"body": "hm"})]),
    (ModelClientStreamingChunkEvent(source="a", content="he"), []),
    (
        CodeGenerationEvent(source="a", content="code", retry_attempt=0, code_blocks=[CodeBlock("1", "python")]),
        [("text_message", {"body": "code"})],
    ),
    (
        CodeExecutionEvent(source="a", retry_attempt=0, result=CodeResult(exit_code=1, output="boom")),
        [
            (
                "function_call_execution",
                {
                    "function_name": "code",
                    "call_id": None,
                    "retval": {"exit_code": 1, "output": "boom"},
                    "is_error": True,
                },
            )
        ],
    ),
    (
        SelectSpeakerEvent(source="m", content=["a", "b"]),
        [("system_message", {"message": {"event": "next_speaker", "text": "a, b"}})],
    ),
    (SelectorEvent(source="m", content="a"), [("system_message", {"message": {"event": "selector", "text": "a"}})]),
]


@pytest.mark.parametrize(("event", "expected"), SHOWN, ids=lambda value: type(value).__name__)
def test_each_event_has_its_messages(event: Any, expected: list[tuple[str, dict[str, Any]]]) -> None:
    shown = translate(event)

    assert [(message.type, message.wire()["content"]) for message in shown] == expected
    assert {message.sender for message in shown} <= {event.source}


def test_no_event_class_of_the_installed_version_is_forgotten() -> None:
    bases = {BaseChatMessage, BaseAgentEvent, BaseTextChatMessage}
    concrete = {
        cls
        for _, cls in inspect.getmembers(events, inspect.isclass)
        if issubclass(cls, BaseChatMessage | BaseAgentEvent) and cls not in bases
    }
    tried = {StructuredMessage if isinstance(event, StructuredMessage) else type(event) for event, _ in SHOWN}

    assert concrete == tried


def test_usage_follows_the_message_that_took_it() -> None:
    event = TextMessage(source="a", content="hi", models_usage=RequestUsage(prompt_tokens=3, completion_tokens=2))

    text, usage = translate(event)

    assert text.type == "text_message"
    assert usage.wire()["content"] == {"model": None, "prompt_tokens": 3, "completion_tokens": 2}


def test_the_end_shows_its_reason() -> None:
    assert translate(TaskResult(messages=[], stop_reason=None)) == []
    (notice,) = translate(TaskResult(messages=[], stop_reason="4 turns"))
    assert notice.wire()["content"] == {"message": {"event": "stop", "text": "4 turns"}}


def test_a_chunk_belongs_to_its_message() -> None:
    piece = chunk(ModelClientStreamingChunkEvent(source="a", content="he", full_message_id="m1"))
    assert (piece.sender, piece.stream, piece.delta) == ("a", "m1", "he")
    assert chunk(ModelClientStreamingChunkEvent(source="a", content="he")).stream == "a"


class Weather(BaseAgentEvent):
    type: Literal["Weather"] = "Weather"

    def to_text(self) -> str:
        return "sunny"


class Mute(BaseTextChatMessage):
    type: Literal["Mute"] = "Mute"
    content: str = ""


class Broken(BaseAgentEvent):
    type: Literal["Broken"] = "Broken"

    def to_text(self) -> str:
        raise ZeroDivisionError


def test_unknown_events_are_shown_and_never_raise() -> None:
    assert translate(Weather(source="a"))[0].wire()["content"] == {"message": {"event": "Weather", "text": "sunny"}}
    assert translate(Mute(source="a", content="x"))[0].wire()["content"] == {"body": "x"}
    assert translate(Broken(source="a"))[0].wire()["content"] == {"message": {"event": "Broken", "text": ""}}
    assert translate(42)[0].wire()["content"] == {"message": {"event": "int", "text": "42"}}


@pytest.mark.parametrize(("event", "_expected"), SHOWN, ids=lambda value: type(value).__name__)
def test_identity_ignores_ids_and_times_and_nothing_else(event: Any, _expected: Any) -> None:
    again = event.model_copy(update={"id": "another", "created_at": event.created_at.replace(year=1999)})
    other = event.model_copy(update={"source": "somebody else"})

    assert identity(again) == identity(event)
    assert identity(other) != identity(event)


def test_text_is_what_a_person_would_quote() -> None:
    assert text_of(TextMessage(source="a", content="hi")) == "hi"
    assert text_of(StopMessage(source="a", content="stop")) is None
    assert text_of(HandoffMessage(source="a", target="b", content="x")) is None
    assert text_of(ThoughtEvent(source="a", content="hm")) is None
