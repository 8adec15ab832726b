"""Turns what a workflow's author wrote into messages, or says in a sentence what is wrong with it."""

from __future__ import annotations

from typing import Any, TypeVar

from fastagency_shared.messages import Message, MultipleChoice
from fastagency_shared.run import MAX_QUESTION_ID_CHARS
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

M = TypeVar("M", bound=Message)


def build(cls: type[M], run_id: str, fields: dict[str, Any]) -> M:
    """One message of a run. Fields that are None fall back to their defaults; values JSON cannot hold become text.

    Raises:
        TypeError: a field that the message does not have.
        ValueError: a value that does not fit.
    """
    unknown = sorted(set(fields) - set(cls.model_fields) - {"type"})
    if unknown:
        allowed = ", ".join(name for name in cls.model_fields if name not in ("type", "workflow_uuid", "seq", "at"))
        raise TypeError(f"{cls.__name__} has no {', '.join(map(repr, unknown))}; it has: {allowed}.")
    given = {
        name: value if isinstance(value, str) else to_jsonable_python(value, fallback=str, serialize_unknown=True)
        for name, value in fields.items()
        if value is not None
    }
    try:
        message = cls.model_validate(given | {"workflow_uuid": run_id})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{cls.__name__}.{place}: {first['msg']}.") from None
    _check(message)
    return message


def _check(message: Message) -> None:
    if message.is_question and not 0 < len(message.uuid) <= MAX_QUESTION_ID_CHARS:
        name = type(message).__name__
        raise ValueError(f"{name}.uuid: it has 1 to {MAX_QUESTION_ID_CHARS} characters, not {len(message.uuid)}.")
    if not isinstance(message, MultipleChoice):
        return
    if not message.choices:
        raise ValueError("MultipleChoice.choices: there must be at least one choice.")
    if len(set(message.choices)) != len(message.choices):
        raise ValueError(f"MultipleChoice.choices: every choice must differ from the others, in {message.choices}.")
    if message.default is not None and message.default not in message.choices:
        raise ValueError(f"MultipleChoice.default: {message.default!r} is not one of the choices {message.choices}.")
