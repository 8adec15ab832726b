"""From a message to a row: the JSON object that the browser turns into a widget.

A pure function. The browser gets finished HTML for markdown and finished text for JSON, so that no widget has to know
how to render either, and nothing that an agent wrote is interpreted there.
"""

from __future__ import annotations

import json
from typing import Any, assert_never

from fastagency_shared.messages import (
    AnswerResult,
    Error,
    FunctionCallExecution,
    InputAnswered,
    KeepAlive,
    LoggedMessage,
    MultipleChoice,
    RunStatusChanged,
    SuggestedFunctionCall,
    SystemMessage,
    TextChunk,
    TextInput,
    TextMessage,
    Thought,
    TransientMessage,
    Usage,
    WorkflowCancelled,
    WorkflowCompleted,
    WorkflowFailed,
    WorkflowStarted,
)

from fastagency_frontend.page.markdown import to_html

Row = dict[str, Any]

MAX_SHOWN_CHARS = 200_000
"""A longer text or JSON value is cut in the page; the whole of it stays in the log."""


def to_row(message: LoggedMessage | TransientMessage) -> Row | None:
    """The row of a message, or None where there is nothing to show."""
    content = _content(message)
    if content is None:
        return None
    return {
        "type": message.type,
        "id": message.uuid,
        "seq": message.seq,
        "at": message.at.isoformat() if message.at else None,
        "sender": message.sender,
        "recipient": message.recipient,
        **content,
    }


def _content(message: LoggedMessage | TransientMessage) -> Row | None:
    match message:
        case TextMessage():
            return _text(message.body)
        case WorkflowStarted():
            return {"name": message.name, "description": message.description, "params": _params(message.params)}
        case WorkflowCompleted():
            return _text(message.result)
        case SuggestedFunctionCall():
            return {"name": message.function_name, "call": message.call_id, "arguments": pretty(message.arguments)}
        case FunctionCallExecution():
            result = pretty(message.retval)
            return {
                "name": message.function_name,
                "call": message.call_id,
                "result": result,
                "failed": message.is_error,
            }
        case TextInput():
            return {**_text(message.prompt), "password": message.password}
        case MultipleChoice():
            return {**_text(message.prompt), "choices": message.choices}
        case InputAnswered():
            return {"question": message.question, "values": _values(message)}
        case SystemMessage():
            return _notice(message)
        case Error() | WorkflowFailed():
            return {"short": message.short, "long": message.long}
        case WorkflowCancelled():
            return {"short": message.reason}
        case Thought():
            return _text(message.body)
        case Usage():
            return {"model": message.model, "prompt": message.prompt_tokens, "completion": message.completion_tokens}
        case KeepAlive() | TextChunk() | AnswerResult() | RunStatusChanged():
            return None
        case _:
            assert_never(message)


def pretty(value: Any) -> str:
    """A JSON value as text for reading; a string that holds a JSON object or list is laid out too."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            return _cut(value)
        return pretty(parsed) if isinstance(parsed, dict | list) else _cut(value)
    return _cut(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _text(body: str | None) -> Row:
    text = _cut(body or "")
    return {"body": text, "html": to_html(text)}


def _params(params: dict[str, Any]) -> str:
    return pretty(params) if params else ""


def _values(answer: InputAnswered) -> list[str] | None:
    """What the person chose or wrote; None for a password, which is never shown."""
    if answer.value is None:
        return None
    return [answer.value] if isinstance(answer.value, str) else answer.value


def _notice(message: SystemMessage) -> Row:
    """A notice with a text of its own is shown as text; anything else as the object that it is."""
    fields = message.message
    heading = _string(fields, "heading") or _string(fields, "type")
    body = next(filter(None, (_string(fields, key) for key in ("body", "message", "content", "text"))), None)
    if body is None or "type" in fields:  # A provider passes a message of an unknown type on as a notice with its type.
        return {"heading": heading, "details": pretty(fields)}
    return {"heading": heading, **_text(body)}


def _string(fields: dict[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) else None


def _cut(text: str) -> str:
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    return f"{text[:MAX_SHOWN_CHARS]}\n\n… ({len(text) - MAX_SHOWN_CHARS:,} more characters are not shown)"
