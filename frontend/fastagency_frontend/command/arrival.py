"""Has all of an HTTP/1.1 request arrived? Asked of the bytes alone, before a thread is given to it.

It is no parser: whatever is wrong with a request, the server that is handed it finds out. It has only to be sure that
the server will not wait for more.
"""

from __future__ import annotations

from enum import Enum

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 4 * 1024 * 1024
"""More than any event of the page carries."""

_END_OF_HEAD = b"\r\n\r\n"


class Arrival(Enum):
    """How far a request is; `TOO_LONG` and what follows are the answers to those that are not waited for."""

    NOTHING = 0
    PARTLY = 1
    AWAITS_CONTINUE = 100
    WHOLE = 200
    NO_LENGTH = 411
    TOO_LONG = 413
    HEAD_TOO_LONG = 431


def arrival(received: bytes | bytearray) -> Arrival:
    """How much of the first request in `received` is there."""
    if not received:
        return Arrival.NOTHING
    end = received.find(_END_OF_HEAD, 0, MAX_HEAD_BYTES)
    if end < 0:
        return Arrival.PARTLY if len(received) < MAX_HEAD_BYTES else Arrival.HEAD_TOO_LONG
    fields = _fields(bytes(received[:end]))
    if b"transfer-encoding" in fields:  # browsers send none, and its end cannot be known without reading it
        return Arrival.NO_LENGTH
    length = fields.get(b"content-length", b"0")
    if not length.isdigit():  # the server refuses it
        return Arrival.WHOLE
    if len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
        return Arrival.TOO_LONG
    if len(received) >= end + len(_END_OF_HEAD) + int(length):
        return Arrival.WHOLE
    return Arrival.AWAITS_CONTINUE if fields.get(b"expect", b"").lower() == b"100-continue" else Arrival.PARTLY


def _fields(head: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in lines}
