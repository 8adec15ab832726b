"""The body of a request, read before anything is made of it, as far as it may go.

FastAPI has such a bound itself, which refuses in plain text; here every refusal is a `Problem`.
"""

from __future__ import annotations

from typing import Any

from fastagency_shared.errors import TooLarge
from fastapi import Request


async def bounded(request: Request, limit: int) -> Request:
    """The same request, with its body read. Raises `TooLarge` as soon as it is known to have more bytes."""
    headers = request.headers
    declared = headers.get("content-length", "0")
    if declared == "0" and "transfer-encoding" not in headers:
        return request
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
    return _with_body(request, b"".join(parts))


def _with_body(request: Request, body: bytes) -> Request:
    unread = True

    async def receive() -> Any:
        nonlocal unread
        if not unread:
            return await request.receive()
        unread = False
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body of the request has more than {limit:,} bytes (FASTAGENCY_MAX_BODY_BYTES).")
