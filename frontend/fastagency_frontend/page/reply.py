"""Whole answers of our own WSGI layer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]

SAFE: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
]


FRESH: Headers = [("Cache-Control", "no-store")]
"""For what may be another thing the next time."""


def json_reply(start_response: StartResponse, value: Mapping[str, object], status: str = "200 OK") -> Iterable[bytes]:
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    return reply(start_response, status, "application/json", body)


def text_reply(start_response: StartResponse, status: str, sentence: str) -> Iterable[bytes]:
    return reply(start_response, status, "text/plain; charset=utf-8", sentence.encode())


def redirect(
    start_response: StartResponse, status: str, location: str, headers: Headers | None = None
) -> Iterable[bytes]:
    start_response(status, [("Location", location), ("Content-Length", "0"), *SAFE, *(headers or [])])
    return [b""]


def reply(
    start_response: StartResponse, status: str, content_type: str, body: bytes, headers: Headers | None = None
) -> Iterable[bytes]:
    own = [("Content-Type", content_type), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    start_response(status, [*own, *SAFE, *(headers or [])])
    return [body]
