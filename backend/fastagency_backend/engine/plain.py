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
    said, recipient = json_of(get("body")), json_of(get("recipient"))
    spoken = json_of(sender)
    text = _body(new_message_uuid() if uuid is None else uuid, run_id, spoken, recipient, "false", said)
    return None if text is None else PlainText(sender, text, _identity("", said, recipient, spoken))


def text_body(message: TextMessage) -> str | None:
    """The JSON of it, as `model_dump_json` writes it."""
    values = message.__dict__
    if not _is_plain(values):
        return None
    auto_reply = "true" if values["auto_reply"] else "false"
    sender, recipient, body = json_of(values["sender"]), json_of(values["recipient"]), json_of(values["body"])
    return _body(values["uuid"], values["workflow_uuid"], sender, recipient, auto_reply, body)


def text_identity(message: TextMessage) -> str | None:
    """The JSON of what `identity_of` has of it, as `digest` writes it."""
    values = message.__dict__
    if not _is_plain(values):
        return None
    auto_reply = '"auto_reply": true, ' if values["auto_reply"] else ""
    return _identity(auto_reply, json_of(values["body"]), json_of(values["recipient"]), json_of(values["sender"]))


def _body(uuid: str, run_id: str, sender: str, recipient: str, auto_reply: str, body: str) -> str | None:
    """The message's JSON, of parts that are JSON; None where it cannot be encoded."""
    return encodable(
        f'{{"type":"text_message","uuid":{encode_basestring(uuid)},"workflow_uuid":{encode_basestring(run_id)},'
        f'"sender":{sender},"recipient":{recipient},"auto_reply":{auto_reply},"content":{{"body":{body}}}}}'
    )


def _identity(auto_reply: str, body: str, recipient: str, sender: str) -> str:
    said = "" if body == "null" else f'"body": {body}, '
    to = "" if recipient == "null" else f'"recipient": {recipient}, '
    by = "" if sender == "null" else f'"sender": {sender}, '
    return f'{{{auto_reply}{said}{to}{by}"type": "text_message"}}'


def _is_plain(values: dict[str, Any]) -> bool:
    return is_plain(values, "body") and values["interrupted"] is False


def is_plain(values: dict[str, Any], content: str) -> bool:
    """Whether a message that was not sent yet is of texts alone: each of its very type, which needs no copy."""
    if values["seq"] is not None or values["at"] is not None or values["epoch"]:
        return False
    sender, recipient, said = values["sender"], values["recipient"], values[content]
    return (
        type(values["uuid"]) is str
        and type(values["workflow_uuid"]) is str
        and (sender is None or type(sender) is str)
        and (recipient is None or type(recipient) is str)
        and (said is None or type(said) is str)
        and type(values["auto_reply"]) is bool
    )


def encodable(text: str) -> str | None:
    """The text, unless it has halves of characters."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return None
    return text


def json_of(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)
