"""A text message, which most messages are, without what its class does for all of them: a few times as fast.

What is made here is, to the letter, what the class would make; where that is not certain, nothing is, and the caller
goes the ordinary way.
"""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from fastagency_shared.messages import TextMessage, new_message_uuid

_TEXTS = frozenset({"uuid", "sender", "recipient", "body"})


class PlainText(NamedTuple):
    """A text message that was never an object: its sender, its JSON, and the JSON of its identity."""

    sender: str | None
    body: str
    identity: str


def plain_text(run_id: str, fields: Mapping[str, Any]) -> PlainText | None:
    """The message of these fields, if each is known, and a text or None."""
    for name, value in fields.items():
        if name not in _TEXTS or not (value is None or type(value) is str):
            return None
    get = fields.get
    uuid, sender = get("uuid"), get("sender")
    said, recipient = _json(get("body")), _json(get("recipient"))
    spoken = _json(sender)
    text = _body(new_message_uuid() if uuid is None else uuid, run_id, spoken, recipient, "false", said)
    return None if text is None else PlainText(sender, text, _identity("", said, recipient, spoken))


def text_body(message: TextMessage) -> str | None:
    """The JSON of it, as `model_dump_json` writes it."""
    values = message.__dict__
    if not _is_plain(values):
        return None
    auto_reply = "true" if values["auto_reply"] else "false"
    sender, recipient, body = _json(values["sender"]), _json(values["recipient"]), _json(values["body"])
    return _body(values["uuid"], values["workflow_uuid"], sender, recipient, auto_reply, body)


def text_identity(message: TextMessage) -> str | None:
    """The JSON of what `identity_of` has of it, as `digest` writes it."""
    values = message.__dict__
    if not _is_plain(values):
        return None
    auto_reply = '"auto_reply": true, ' if values["auto_reply"] else ""
    return _identity(auto_reply, _json(values["body"]), _json(values["recipient"]), _json(values["sender"]))


def _body(uuid: str, run_id: str, sender: str, recipient: str, auto_reply: str, body: str) -> str | None:
    """The message's JSON, of parts that are JSON; None where it cannot be encoded."""
    text = (
        f'{{"type":"text_message","uuid":{encode_basestring(uuid)},"workflow_uuid":{encode_basestring(run_id)},'
        f'"sender":{sender},"recipient":{recipient},"auto_reply":{auto_reply},"content":{{"body":{body}}}}}'
    )
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # halves of characters
            return None
    return text


def _identity(auto_reply: str, body: str, recipient: str, sender: str) -> str:
    said = "" if body == "null" else f'"body": {body}, '
    to = "" if recipient == "null" else f'"recipient": {recipient}, '
    by = "" if sender == "null" else f'"sender": {sender}, '
    return f'{{{auto_reply}{said}{to}{by}"type": "text_message"}}'


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
