"""What was asked, in a form that is small enough to be kept beside each result, and good enough to say what changed.

A key has only a digest of the request. The outline has its parts: each leaf of the JSON by its path, shortened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastagency_backend.engine.key import digest

Outline = dict[str, str]

MAX_TEXT = 160
"""Characters of one part. A longer one is cut and ends with its length and a digest, so that any change shows."""
MAX_PARTS = 60
"""A longer request keeps its first and its last parts; a digest stands for those between."""
SHOWN = 5
"""Differences that are shown."""
BETWEEN = "..."
_NOTHING = frozenset({"null", "false", "[]", "{}"})
_NEW_EACH_TIME = frozenset({"uuid", "workflow_uuid", "seq", "at"})


def outline(request: object, hidden: Iterable[str] = ()) -> Outline:
    """The parts of a request. Texts that contain one of the `hidden` are there by their digest only."""
    kept = [secret for secret in hidden if secret]
    parts = [(path, _short(text, kept)) for path, text in _leaves(json.loads(_plain(request)), "")]
    if len(parts) > MAX_PARTS:
        half = MAX_PARTS // 2
        between = parts[half:-half]
        parts = [*parts[:half], (BETWEEN, f"{len(between)} parts, {digest(between)}"), *parts[-half:]]
    return dict(parts)


def outline_of_call(kind: str, request: object, hidden: Iterable[str] = ()) -> Outline:
    """The parts of a call's request; those of `ui.step` have names."""
    if kind == "step" and isinstance(request, list) and len(request) == 2:
        request = {"arguments": request[0], "keywords": request[1]}
    return outline(request, hidden)


def outline_of_message(body: str) -> Outline:
    """The parts of a message or a question, from its JSON, without what is new each time and what is not there."""
    said = json.loads(body)
    said = {name: value for name, value in said.items() if name not in _NEW_EACH_TIME}
    return {path: text for path, text in outline(said).items() if text not in _NOTHING}


def differences(was: Outline, now: Outline) -> list[str]:
    """Which parts differ, one line each."""
    lines = []
    for path in [*was, *(path for path in now if path not in was)]:
        named = path or "the request"
        if path not in now:
            lines.append(f"{named}: was {was[path]}, is not there any more")
        elif path not in was:
            lines.append(f"{named}: is new: {now[path]}")
        elif was[path] != now[path]:
            lines.append(f"{named}: was {was[path]}, is now {now[path]}")
    more = len(lines) - SHOWN
    return lines if more <= 0 else [*lines[:SHOWN], f"and {more} more differences"]


def likeness(one: Mapping[str, str], other: Mapping[str, str]) -> float:
    """The share of parts that are the same in both."""
    same = sum(other.get(path) == text for path, text in one.items())
    return same / max(len(one), len(other), 1)


def _plain(request: object) -> str:
    return json.dumps(request, default=str, sort_keys=True)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, json.dumps(value, ensure_ascii=False)


def _short(text: str, hidden: list[str]) -> str:
    if any(secret in text for secret in hidden):
        return f"(hidden, {digest(text)[:8]})"
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]}... ({len(text)} characters, {digest(text)[:8]})"
