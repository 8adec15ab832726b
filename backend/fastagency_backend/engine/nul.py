"""NUL, a character that not every database can keep in a text: no text that clients send may have it.

What is JSON in the store carries it, escaped; so what workflows say and record is kept as it is. Where a text of theirs
is kept as such (a result, a title), another character takes its place.
"""

from __future__ import annotations

import json

from fastagency_shared.errors import InvalidRequest

NUL = "\0"
ESCAPED = json.dumps(NUL).strip('"')


def refuse_nul(what: str, value: object) -> None:
    """Raises `InvalidRequest` where a client's text, or one inside its JSON, has the character."""
    if has_nul(value):
        raise InvalidRequest(f"{what} has a NUL character (\\0), which cannot be kept: remove it.")


def has_nul(value: object) -> bool:
    if isinstance(value, str):
        return NUL in value
    if isinstance(value, dict):
        return any(has_nul(key) or has_nul(each) for key, each in value.items())
    return isinstance(value, list) and any(map(has_nul, value))


def without_nul(text: str) -> str:
    return text.replace(NUL, "\N{REPLACEMENT CHARACTER}")
