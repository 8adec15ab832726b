"""What AgentChat's events look like as messages of a run: a pure function, one case per event class.

AgentChat adds event classes with its releases and applications add their own, so an unknown one is shown by its own
text and never stops a run. What only AgentChat itself needs (ids, times) does not take part in an event's identity: a
replayed run produces the same events under new ids, and the log must recognise them.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    BaseMessage,
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
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    UserInputRequestedEvent,
)
from autogen_core import FunctionCall
from autogen_core.memory import MemoryContent
from autogen_core.models import FunctionExecutionResult, RequestUsage
from fastagency_shared.messages import (
    FunctionCallExecution,
    LoggedMessage,
    SuggestedFunctionCall,
    SystemMessage,
    TextChunk,
    TextMessage,
    Thought,
    Usage,
)
from pydantic import JsonValue, TypeAdapter

logger = logging.getLogger(__name__)

_EPHEMERAL = frozenset({"id", "created_at", "request_id", "full_message_id"})
_json: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def translate(event: object) -> list[LoggedMessage]:
    """The messages that show an event of `run_stream`, in order; none for what is shown in another way."""
    if isinstance(event, TaskResult):
        return _stopped(event.stop_reason)
    if not isinstance(event, BaseAgentEvent | BaseChatMessage):
        return [_notice(None, type(event).__name__, str(event))]
    return [*_body(event), *_usage(event.source, event.models_usage)]


def chunk(event: ModelClientStreamingChunkEvent) -> TextChunk:
    """A piece of a message under way."""
    return TextChunk(sender=event.source, stream=event.full_message_id or event.source, delta=event.content)


def identity(event: object) -> JsonValue:
    """What identifies an event when the run is replayed: everything but ids and times."""
    if isinstance(event, TaskResult):
        return {"type": "TaskResult", "stop_reason": event.stop_reason}
    if not isinstance(event, BaseMessage):
        return {"type": type(event).__name__, "text": str(event)}
    content = {name: value for name, value in event.dump().items() if name not in _EPHEMERAL}
    return _json.validate_python({"type": type(event).__name__, **content})


def text_of(event: object) -> str | None:
    """The text of a chat message as a person would quote it; None for what nobody would call text."""
    match event:
        case StopMessage() | HandoffMessage():
            return None
        case StructuredMessage() | MultiModalMessage():
            return event.to_text()
        case BaseChatMessage():
            return event.to_model_text()
    return None


def _body(event: BaseAgentEvent | BaseChatMessage) -> list[LoggedMessage]:
    sender = event.source
    match event:
        case StopMessage():
            return [_notice(sender, "stop", event.content)]
        case HandoffMessage():
            return [_notice(sender, "handoff", event.content, target=event.target)]
        case BaseTextChatMessage():
            return [TextMessage(sender=sender, body=event.content)]
        case MultiModalMessage():
            return [TextMessage(sender=sender, body=_multimodal(event))]
        case StructuredMessage():
            return [TextMessage(sender=sender, body=_structured(event))]
        case ToolCallRequestEvent():
            return [_call(sender, call) for call in event.content]
        case ToolCallExecutionEvent():
            return [_execution(sender, result) for result in event.content]
        case ThoughtEvent():
            return [Thought(sender=sender, body=event.content)]
        case ModelClientStreamingChunkEvent() | UserInputRequestedEvent():
            return []
        case MemoryQueryEvent():
            return [_notice(sender, "memory", "\n\n".join(_memory(item) for item in event.content))]
        case SelectSpeakerEvent():
            return [_notice(sender, "next_speaker", ", ".join(event.content))]
        case SelectorEvent():
            return [_notice(sender, "selector", event.content)]
        case CodeGenerationEvent():
            return [TextMessage(sender=sender, body=event.content)]
        case CodeExecutionEvent():
            return [_code_result(event)]
    return [_unknown(event)]


def _notice(sender: str | None, event: str, text: str, **more: str) -> SystemMessage:
    return SystemMessage(sender=sender, message={"event": event, "text": text, **more})


def _stopped(reason: str | None) -> list[LoggedMessage]:
    return [_notice(None, "stop", reason)] if reason else []


def _usage(sender: str, usage: RequestUsage | None) -> list[LoggedMessage]:
    if usage is None or not (usage.prompt_tokens or usage.completion_tokens):
        return []
    return [Usage(sender=sender, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)]


def _call(sender: str, call: FunctionCall) -> SuggestedFunctionCall:
    return SuggestedFunctionCall(
        sender=sender, function_name=call.name, call_id=call.id, arguments=_arguments(call.arguments)
    )


def _arguments(raw: str) -> dict[str, JsonValue]:
    """A model's arguments are text that ought to be a JSON object; when it is not, it is shown as it is."""
    try:
        value = _json.validate_json(raw)
    except ValueError:
        value = raw
    return value if isinstance(value, dict) else {"arguments": value}


def _execution(sender: str, result: FunctionExecutionResult) -> FunctionCallExecution:
    retval: JsonValue = {"error": result.content} if result.is_error else result.content
    return FunctionCallExecution(
        sender=sender,
        function_name=result.name,
        call_id=result.call_id,
        retval=retval,
        is_error=bool(result.is_error),
    )


def _code_result(event: CodeExecutionEvent) -> FunctionCallExecution:
    retval: JsonValue = {"exit_code": event.result.exit_code, "output": event.result.output}
    failed = event.result.exit_code != 0
    return FunctionCallExecution(
        sender=event.source, function_name="code", call_id=None, retval=retval, is_error=failed
    )


def _multimodal(event: MultiModalMessage) -> str:
    parts = [
        part if isinstance(part, str) else f"*(image, {part.image.width} x {part.image.height} pixels)*"
        for part in event.content
    ]
    return "\n\n".join(parts)


def _structured(event: StructuredMessage[Any]) -> str:
    if event.format_string is not None:
        return event.to_text()
    return f"```json\n{json.dumps(event.content.model_dump(mode='json'), indent=2, ensure_ascii=False)}\n```"


def _memory(item: MemoryContent) -> str:
    match item.content:
        case str() as text:
            return text
        case dict() as value:
            return json.dumps(value, ensure_ascii=False, default=str)
    return f"({item.mime_type})"


def _unknown(event: BaseAgentEvent | BaseChatMessage) -> LoggedMessage:
    try:
        text = event.to_text()
    except Exception:  # somebody else's class: what it raises must not stop the run
        logger.warning("Could not get the text of an event of type %s", type(event).__name__, exc_info=True)
        text = ""
    if isinstance(event, BaseChatMessage):
        return TextMessage(sender=event.source, body=text)
    return _notice(event.source, type(event).__name__, text)
