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
    InputExpired,
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
    WorkflowResumed,
    WorkflowStarted,
    expired_text,
)

from fastagency_frontend.page.markdown import to_html
from fastagency_frontend.page.row import (
    AnsweredRow,
    CallRow,
    CancelledRow,
    CompletedRow,
    DetailedNoticeRow,
    ErrorRow,
    ExpiredRow,
    FailedRow,
    InterruptedTextRow,
    MultipleChoiceRow,
    NoticeRow,
    RenderedText,
    ResultRow,
    ResumedRow,
    Row,
    RowHead,
    StartedRow,
    TextInputRow,
    TextRow,
    ThoughtRow,
    UsageRow,
)

MAX_SHOWN_CHARS = 200_000
"""A longer text or JSON value is cut in the page; the whole of it stays in the log."""

_layout = json.JSONEncoder(indent=2, ensure_ascii=False, default=str)


def to_row(message: LoggedMessage | TransientMessage) -> Row | None:
    """The row of a message, or None where there is nothing to show."""
    head = _head(message)
    match message:
        case TextMessage(interrupted=True):
            return InterruptedTextRow(type=message.type, **head, **_text(message.body), interrupted=True)
        case TextMessage():
            return TextRow(type=message.type, **head, **_text(message.body))
        case WorkflowStarted(name=name, description=description):
            params = _params(message.params)
            return StartedRow(type=message.type, **head, name=name, description=description, params=params)
        case WorkflowCompleted():
            return CompletedRow(type=message.type, **head, **_text(message.result))
        case SuggestedFunctionCall(function_name=name, call_id=call):
            return CallRow(type=message.type, **head, name=name, call=call, arguments=pretty(message.arguments))
        case FunctionCallExecution(function_name=name, call_id=call):
            result, failed = pretty(message.retval), message.is_error
            return ResultRow(type=message.type, **head, name=name, call=call, result=result, failed=failed)
        case TextInput():
            return TextInputRow(type=message.type, **head, **_text(message.prompt), password=message.password)
        case MultipleChoice():
            return MultipleChoiceRow(type=message.type, **head, **_text(message.prompt), choices=message.choices)
        case InputAnswered():
            return AnsweredRow(type=message.type, **head, question=message.question, values=_values(message))
        case InputExpired(question=question):
            return ExpiredRow(type=message.type, **head, question=question, text=expired_text(message))
        case SystemMessage():
            return _notice(message, head)
        case Error():
            return ErrorRow(type=message.type, **head, short=message.short, long=message.long)
        case WorkflowFailed():
            return FailedRow(type=message.type, **head, short=message.short, long=message.long)
        case WorkflowCancelled():
            return CancelledRow(type=message.type, **head, short=message.reason)
        case WorkflowResumed():
            return ResumedRow(type=message.type, **head)
        case Thought():
            return ThoughtRow(type=message.type, **head, **_text(message.body))
        case Usage(model=model, prompt_tokens=prompt, completion_tokens=completion):
            return UsageRow(type=message.type, **head, model=model, prompt=prompt, completion=completion)
        case KeepAlive() | TextChunk() | AnswerResult() | RunStatusChanged():
            return None
        case _:
            assert_never(message)


def pretty(value: Any) -> str:
    """A JSON value as text for reading; a string that holds a JSON object or list is laid out too."""
    if not isinstance(value, str):
        return _laid_out(value)
    if len(value) > MAX_SHOWN_CHARS:
        return _cut(value)
    try:
        parsed = json.loads(value)
        return _laid_out(parsed) if isinstance(parsed, dict | list) else value
    except (ValueError, RecursionError):  # no JSON, or nested so deeply that it is no help to anybody
        return value


def _laid_out(value: Any) -> str:
    """Only as much of it as is shown is made: layers of lists take the more room the deeper they are."""
    room, parts = MAX_SHOWN_CHARS, []
    try:
        for part in _layout.iterencode(value):
            parts.append(part)
            room -= len(part)
            if room < 0:
                return f"{''.join(parts)[:MAX_SHOWN_CHARS]}\n\n… (more is not shown)"
    except (ValueError, RecursionError):
        return f"{''.join(parts)}… (this cannot be shown)"
    return "".join(parts)


def _head(message: LoggedMessage | TransientMessage) -> RowHead:
    return {
        "id": message.uuid,
        "seq": message.seq,
        "at": message.at.isoformat() if message.at else None,
        "sender": message.sender,
        "recipient": message.recipient,
    }


def _text(body: str | None) -> RenderedText:
    text = _cut(body or "")
    return {"body": text, "html": to_html(text)}


def _params(params: dict[str, Any]) -> str:
    return pretty(params) if params else ""


def _values(answer: InputAnswered) -> list[str] | None:
    """What the person chose or wrote; None for a password, which is never shown."""
    if answer.value is None:
        return None
    return [answer.value] if isinstance(answer.value, str) else answer.value


def _notice(message: SystemMessage, head: RowHead) -> Row:
    """A notice with a text of its own is shown as text; anything else as the object that it is."""
    fields = message.message
    heading = _string(fields, "heading") or _string(fields, "type")
    body = next(filter(None, (_string(fields, key) for key in ("body", "message", "content", "text"))), None)
    if body is None or "type" in fields:  # A provider passes a message of an unknown type on as a notice with its type.
        return DetailedNoticeRow(type=message.type, **head, heading=heading, details=pretty(fields))
    return NoticeRow(type=message.type, **head, heading=heading, **_text(body))


def _string(fields: dict[str, Any], key: str) -> str | None:
    value = fields.get(key)
    return value if isinstance(value, str) else None


def _cut(text: str) -> str:
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    return f"{text[:MAX_SHOWN_CHARS]}\n\n… ({len(text) - MAX_SHOWN_CHARS:,} more characters are not shown)"
