"""How large, in bytes, what is kept of a run may be.

Without limits one value fills the database, and the memory of everybody who reads it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from fastagency_shared.messages import (
    Error,
    FunctionCallExecution,
    LoggedMessage,
    SuggestedFunctionCall,
    SystemMessage,
    TextMessage,
)
from pydantic import JsonValue

from fastagency_backend.engine.body import body_of


@dataclass(frozen=True)
class Limits:
    """Each has a setting of the same name. What is measured is UTF-8; of what is not text, its JSON."""

    max_message_bytes: int = 1_048_576
    max_params_bytes: int = 1_000_000
    max_answer_bytes: int = 400_000
    max_step_bytes: int = 4_194_304


DEFAULT_LIMITS = Limits()
MOST_BYTES_OF_A_CHARACTER = 4


class ExceedsLimit(ValueError):
    """A workflow asks, returns or records more than is kept of it."""

    @classmethod
    def of(cls, what: str, size: int, limit: int, setting: str, remedy: str) -> ExceedsLimit:
        return cls(f"{excess(what, size, limit, setting)} {remedy}")


def excess(what: str, size: int, limit: int, setting: str) -> str:
    """A sentence that says what is too large, and which setting says so."""
    return f"{what} has {size:,} bytes; the most is {limit:,} (FASTAGENCY_{setting.upper()})."


def size_of(value: object) -> int:
    """Bytes of a text, or of the JSON of anything else."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return len(text.encode(errors="replace"))


def fits(body: str, limit: int) -> bool:
    """Whether a text has certainly no more bytes than that."""
    return MOST_BYTES_OF_A_CHARACTER * len(body) <= limit


def fitted(message: LoggedMessage, body: str, limit: int) -> str:
    """The body of a message to show, cut where it is larger than the limit, with a line that says so.

    Agents and tools write these, often without anybody's doing: a run must not fail of it. Messages of the system are
    left alone, and so are questions, which are refused instead.
    """
    if fits(body, limit):
        return body
    size = size_of(body)
    return body if size <= limit else body_of(_cut(message, size, limit))


def _cut(message: LoggedMessage, size: int, limit: int) -> LoggedMessage:
    note = f"… (cut: {size:,} bytes; the limit is FASTAGENCY_MAX_MESSAGE_BYTES)"

    def short(value: JsonValue) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return f"{_first(text, limit // 2)}\n\n{note}"

    match message:
        case TextMessage():
            return message.model_copy(update={"body": short(message.body)})
        case SuggestedFunctionCall():
            return message.model_copy(update={"arguments": {"cut": short(message.arguments)}})
        case FunctionCallExecution():
            return message.model_copy(update={"retval": short(message.retval)})
        case SystemMessage():
            return message.model_copy(update={"message": {"body": short(message.message)}})
        case Error():
            return message.model_copy(update={"short": _first(message.short or "", 1000), "long": short(message.long)})
        case _:
            return message


def _first(text: str, room: int) -> str:
    """As much of the beginning as takes so many bytes inside JSON, where a line break or a quote takes two."""
    text = text[:room]
    while len(inside := json.dumps(text, ensure_ascii=False).encode(errors="replace")) > room:
        text = text[: min(len(text) - 1, len(text) * room // len(inside))]
    return text
