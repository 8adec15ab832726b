"""A text message, which most messages are, without what its class does for all of them: a few times as fast.

What is made here is, to the letter, what the class would make; where that is not certain, nothing is, and the caller
goes the ordinary way.
"""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

from fastagency_shared.messages import TextMessage, new_message_uuid

_new = TextMessage.__new__
_set = object.__setattr__
_TEXTS = frozenset({"uuid", "sender", "recipient", "body"})


def text_message(run_id: str, fields: Mapping[str, Any]) -> TextMessage | None:
    """The message of these fields, if each is known, and a text or None."""
    for name, value in fields.items():
        if name not in _TEXTS or not (value is None or type(value) is str):
            return None
    get = fields.get
    uuid = get("uuid")
    message = _new(TextMessage)
    values = {
        "type": "text_message",
        "uuid": new_message_uuid() if uuid is None else uuid,
        "workflow_uuid": run_id,
        "sender": get("sender"),
        "recipient": get("recipient"),
        "auto_reply": False,
        "seq": None,
        "at": None,
        "epoch": 0,
        "body": get("body"),
        "interrupted": False,
    }
    _set(message, "__dict__", values)
    _set(message, "__pydantic_fields_set__", {"workflow_uuid", *(name for name in fields if get(name) is not None)})
    _set(message, "__pydantic_extra__", None)
    _set(message, "__pydantic_private__", None)
    return message


def text_body(message: TextMessage) -> str | None:
    """The JSON of it, as `model_dump_json` writes it."""
    values = message.__dict__
    if not _is_plain(values):
        return None
    text = (
        f'{{"type":"text_message","uuid":{encode_basestring(values["uuid"])},'
        f'"workflow_uuid":{encode_basestring(values["workflow_uuid"])},"sender":{_json(values["sender"])},'
        f'"recipient":{_json(values["recipient"])},"auto_reply":{"true" if values["auto_reply"] else "false"},'
        f'"content":{{"body":{_json(values["body"])}}}}}'
    )
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # halves of characters
            return None
    return text


def text_identity(message: TextMessage) -> str | None:
    """The JSON of what `identity_of` has of it, as `digest` writes it."""
    values = message.__dict__
    if not _is_plain(values):
        return None
    auto_reply = '"auto_reply": true, ' if values["auto_reply"] else ""
    said = "".join(
        f'"{name}": {encode_basestring(value)}, '
        for name in ("body", "recipient", "sender")
        if (value := values[name]) is not None
    )
    return f'{{{auto_reply}{said}"type": "text_message"}}'


def _is_plain(values: dict[str, Any]) -> bool:
    """Whether each value is of its very type, which a copy of a message need not see to."""
    if values["seq"] is not None or values["at"] is not None or values["epoch"] or values["interrupted"] is not False:
        return False
    sender, recipient, body = values["sender"], values["recipient"], values["body"]
    return (
        type(values["uuid"]) is str
        and type(values["workflow_uuid"]) is str
        and (sender is None or type(sender) is str)
        and (recipient is None or type(recipient) is str)
        and (body is None or type(body) is str)
        and type(values["auto_reply"]) is bool
    )


def _json(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)
