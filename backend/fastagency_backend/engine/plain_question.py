"""A question for text, and what tells of its answer, without what their classes do for all messages: see `plain.py`."""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

from fastagency_shared.messages import TextInput, new_message_uuid

from fastagency_backend.engine.plain import encodable, is_plain, json_of

_new = TextInput.__new__
_set = object.__setattr__
_TEXTS = frozenset({"uuid", "sender", "recipient", "prompt"})


def text_input(run_id: str, fields: Mapping[str, Any]) -> TextInput | None:
    """The question of these fields, if each is known, and a text or None."""
    for name, value in fields.items():
        if name not in _TEXTS or not (value is None or type(value) is str):
            return None
    get = fields.get
    uuid = get("uuid")
    question = _new(TextInput)
    values: dict[str, Any] = {
        "type": "text_input",
        "uuid": new_message_uuid() if uuid is None else uuid,
        "workflow_uuid": run_id,
        "sender": get("sender"),
        "recipient": get("recipient"),
        "auto_reply": False,
        "seq": None,
        "at": None,
        "epoch": 0,
        "prompt": get("prompt"),
        "suggestions": [],
        "password": False,
        "deadline": None,
    }
    _set(question, "__dict__", values)
    _set(question, "__pydantic_fields_set__", {"workflow_uuid", *(name for name in fields if get(name) is not None)})
    _set(question, "__pydantic_extra__", None)
    _set(question, "__pydantic_private__", None)
    return question


def input_body(question: TextInput) -> str | None:
    """The JSON of it, as `model_dump_json` writes it."""
    values = question.__dict__
    if not _is_plain(values):
        return None
    return encodable(
        f'{{"type":"text_input","uuid":{encode_basestring(values["uuid"])},'
        f'"workflow_uuid":{encode_basestring(values["workflow_uuid"])},"sender":{json_of(values["sender"])},'
        f'"recipient":{json_of(values["recipient"])},"auto_reply":false,'
        f'"content":{{"prompt":{json_of(values["prompt"])},"suggestions":[],"password":false,"deadline":null}}}}'
    )


def input_identity(question: TextInput) -> str | None:
    """The JSON of what `identity_of` has of it, as `digest` writes it."""
    values = question.__dict__
    if not _is_plain(values):
        return None
    said = "".join(
        f'"{name}": {encode_basestring(value)}, '
        for name in ("prompt", "recipient", "sender")
        if (value := values[name]) is not None
    )
    return f'{{{said}"type": "text_input"}}'


def answered_body(run_id: str, question: TextInput, value: str | None) -> str | None:
    """The JSON of the `InputAnswered` that tells of an answer to it, with an id of its own."""
    recipient, uuid = question.sender, question.uuid
    if type(uuid) is not str or not (recipient is None or type(recipient) is str):
        return None
    return encodable(
        f'{{"type":"input_answered","uuid":"{new_message_uuid()}","workflow_uuid":{encode_basestring(run_id)},'
        f'"sender":"User","recipient":{json_of(recipient)},"auto_reply":false,'
        f'"content":{{"question":{encode_basestring(uuid)},"value":{json_of(value)}}}}}'
    )


def _is_plain(values: dict[str, Any]) -> bool:
    if values["suggestions"] or values["password"] is not False or values["deadline"] is not None:
        return False
    return is_plain(values, "prompt") and values["auto_reply"] is False
