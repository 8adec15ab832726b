"""Turns what a workflow's author wrote into messages, or says in a sentence what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias, TypeVar, cast, get_args

from fastagency_shared.answer import check_answer
from fastagency_shared.errors import InvalidRequest
from fastagency_shared.fault import describe
from fastagency_shared.messages import (
    Error,
    FunctionCallExecution,
    KeepAlive,
    Message,
    MultipleChoice,
    Question,
    SuggestedFunctionCall,
    SystemMessage,
    TextInput,
    TextMessage,
    Thought,
    Usage,
)
from fastagency_shared.run import MAX_QUESTION_ID_CHARS
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from fastagency_backend.engine.plain_question import text_input
from fastagency_backend.engine.question import Deadline
from fastagency_backend.engine.sleep import check_seconds
from fastagency_backend.workflow.field import Envelope
from fastagency_backend.workflow.pending import text_of

Authored: TypeAlias = (
    TextMessage
    | SuggestedFunctionCall
    | FunctionCallExecution
    | SystemMessage
    | Error
    | KeepAlive
    | Thought
    | Usage
    | Question
)
"""What a workflow may say. The other messages of a log are the engine's: how the run began and ended, who answered."""

M = TypeVar("M", bound=Message)


def build(cls: type[M], run_id: str, fields: Mapping[str, Any]) -> M:
    """One message of a run. Fields that are None fall back to their defaults; values JSON cannot hold become text.

    Raises:
        TypeError: a field that the message does not have.
        ValueError: a value that does not fit.
    """
    if cls is TextInput and (question := text_input(run_id, fields)) is not None:
        _check(question)
        return cast(M, question)
    allowed = _keywords(cls)
    unknown = sorted(set(fields) - set(allowed))
    if unknown:
        raise TypeError(f"{cls.__name__} has no {', '.join(map(repr, unknown))}; it has: {', '.join(allowed)}.")
    given = {
        name: value if isinstance(value, str) else to_jsonable_python(value, fallback=text_of, serialize_unknown=True)
        for name, value in fields.items()
        if value is not None
    }
    try:
        message = cls.model_validate(given | {"workflow_uuid": run_id})
    except ValidationError as error:
        raise ValueError(f"{cls.__name__}.{describe(error)}.") from None
    _check(message)
    return message


def build_question(cls: type[Question], run_id: str, fields: Mapping[str, Any]) -> tuple[Question, Deadline | None]:
    """A question and its deadline. Raises as `build`."""
    content = {name: value for name, value in fields.items() if name != "deadline_s"}
    default = content.pop("default", None) if cls is TextInput else content.get("default")
    question = build(cls, run_id, content)
    after_s = fields.get("deadline_s")
    if after_s is None:
        if cls is TextInput and default is not None:
            raise ValueError("TextInput.default is what counts at the deadline: give `deadline_s` too.")
        return question, None
    try:
        answer = None if default is None else check_answer(question, default)
    except InvalidRequest as error:
        raise ValueError(f"{cls.__name__}.default: {error}") from None
    return question, Deadline(check_seconds(after_s, "deadline_s"), answer)


def rebuild(message: Authored, run_id: str) -> Authored:
    """A message that was built by hand, as a method of `ui` would have built it. Raises as `build`."""
    if not isinstance(message, Authored):
        names = ", ".join(cls.__name__ for cls in get_args(Authored))
        raise TypeError(f"ui.process_message cannot send {type(message).__name__}; it takes one of: {names}.")
    cls = type(message)
    return build(cls, run_id, {name: getattr(message, name) for name in _keywords(cls)})


@cache
def _keywords(cls: type[Message]) -> tuple[str, ...]:
    names = {*Envelope.__annotations__, *cls.content_fields()} - cls.system_fields
    return tuple(name for name in cls.model_fields if name in names)


def _check(message: Message) -> None:
    if message.is_question:
        name = type(message).__name__
        if not 0 < len(message.uuid) <= MAX_QUESTION_ID_CHARS:
            raise ValueError(f"{name}.uuid: it has 1 to {MAX_QUESTION_ID_CHARS} characters, not {len(message.uuid)}.")
        if "\0" in message.uuid:
            raise ValueError(f"{name}.uuid: it cannot have a NUL character (\\0).")
    if not isinstance(message, MultipleChoice):
        return
    if not message.choices:
        raise ValueError("MultipleChoice.choices: there must be at least one choice.")
    if len(set(message.choices)) != len(message.choices):
        raise ValueError(f"MultipleChoice.choices: every choice must differ from the others, in {message.choices}.")
    if message.default is not None and message.default not in message.choices:
        raise ValueError(f"MultipleChoice.default: {message.default!r} is not one of the choices {message.choices}.")
