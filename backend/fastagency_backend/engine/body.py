"""A message as the text that the log keeps."""

from __future__ import annotations

import json
from collections.abc import Collection

from fastagency_shared.messages import Message, TextInput, TextMessage, parse_message
from pydantic_core import PydanticSerializationError

from fastagency_backend.engine.plain import text_body
from fastagency_backend.engine.plain_question import input_body


def body_of(message: Message, *, without: Collection[str] = ()) -> str:
    """The message's JSON. Halves of characters, such as a model's output that was cut inside an emoji, become `?`."""
    if type(message) is TextMessage and not without and (text := text_body(message)) is not None:
        return text
    if type(message) is TextInput and not without and (text := input_body(message)) is not None:
        return text
    try:
        return message.model_dump_json(exclude=set(without))
    except PydanticSerializationError:
        text = json.dumps(message.model_dump(), ensure_ascii=False, default=str)
        return parse_message(whole(text)).model_dump_json(exclude=set(without))


def whole(text: str) -> str:
    """The text without halves of characters, which no encoding can carry."""
    return text.encode(errors="replace").decode()
