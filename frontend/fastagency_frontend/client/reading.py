"""Reading what a backend sends, which may be newer than this client."""

import json
from collections.abc import Mapping
from typing import Any

from fastagency_shared.messages import ENVELOPE, LoggedMessage, SystemMessage, TransientMessage, parse_message
from pydantic import TypeAdapter, ValidationError

_OBJECT = TypeAdapter(dict[str, Any])
_TYPE = TypeAdapter(str)


def read_message(data: str | bytes | Mapping[str, Any]) -> LoggedMessage | TransientMessage:
    """Read one message; one of a type unknown here becomes a system message that shows what it said.

    Raises:
        ValueError: it is not a message at all.
    """
    try:
        return parse_message(data)
    except ValidationError:
        raw = json.loads(data) if isinstance(data, str | bytes) else data
    message = _OBJECT.validate_python(raw)
    content = message.get("content")
    shown = {"type": _TYPE.validate_python(message.get("type")), **(content if isinstance(content, Mapping) else {})}
    envelope = {name: message[name] for name in ENVELOPE[1:] if message.get(name) is not None}
    return SystemMessage.model_validate({**envelope, "message": shown})
