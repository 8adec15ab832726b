"""What makes a message the same one in a replay: all that it says, without the ids that are made anew each time."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastagency_shared.messages import Message

from fastagency_backend.engine.body import body_of

_NEW_EACH_TIME = frozenset({"uuid", "workflow_uuid", "seq", "at"})


def identity_of(message: Message) -> dict[str, Any]:
    """The fields that say something. A field that a later version adds, at its default, changes nothing."""
    identity: dict[str, Any] = {"type": message.type}
    for name, default in _defaults(type(message)):
        if (value := getattr(message, name)) != default:
            identity[name] = value
    return identity


def identity_of_1_0(message: Message) -> str:
    """The same for a run that version 1.0 began: its JSON of the message, the run's id included.

    What a client of that version's protocol is not sent had no field then.
    """
    return body_of(message, without=message.v2_fields).replace(message.uuid, "", 1)


@cache
def _defaults(cls: type[Message]) -> tuple[tuple[str, Any], ...]:
    fields = cls.model_fields.items()
    return tuple(
        (name, field.get_default(call_default_factory=True)) for name, field in fields if name not in _NEW_EACH_TIME
    )
