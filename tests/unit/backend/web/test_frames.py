"""Frames of one turn of the loop leave in one write, in their order, and none is kept."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from fastagency_backend.web.frames import ROOM_BYTES, GatheringTransport, framed
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri


class Wire:
    """A transport that takes down what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> Any:
        return name


def gathering() -> tuple[Wire, GatheringTransport]:
    wire = Wire()
    return wire, GatheringTransport(cast(asyncio.Transport, wire))


async def test_the_first_goes_at_once_and_the_rest_of_the_turn_as_one() -> None:
    wire, transport = gathering()
    for data in (b"a", b"b", b"c"):
        transport.write(data)
    assert wire.written == [b"a"]
    await asyncio.sleep(0)
    assert wire.written == [b"a", b"bc"]
    transport.write(b"d")
    assert wire.written == [b"a", b"bc", b"d"]


async def test_nothing_is_lost_at_the_close_nor_written_after_it() -> None:
    wire, transport = gathering()
    transport.write(b"a")
    transport.write(b"b")
    transport.close()
    assert (wire.written, wire.closed) == ([b"a", b"b"], True)
    transport.write(b"c") if not transport.is_closing() else None
    await asyncio.sleep(0)
    assert wire.written == [b"a", b"b"]


async def test_a_connection_that_is_lost_meanwhile_is_let_be() -> None:
    wire, transport = gathering()
    transport.write(b"a")
    transport.write(b"b")
    wire.closed = True
    await asyncio.sleep(0)
    assert wire.written == [b"a"]


async def test_much_is_handed_over_before_the_turn_ends() -> None:
    wire, transport = gathering()
    transport.write(b"a")
    transport.write(b"b" * ROOM_BYTES)
    assert [len(each) for each in wire.written] == [1, ROOM_BYTES]


async def test_all_else_is_the_transports() -> None:
    _, transport = gathering()
    assert transport.get_extra_info("peername") == "peername"


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_texts_are_framed_as_a_client_reads_them(size: int) -> None:
    texts = ["é" + "x" * size, "y" * size, "z"]
    client = ClientProtocol(parse_uri("ws://here/"), state=State.OPEN)
    for part in framed(texts):
        client.receive_data(part)
    assert [frame.data.decode() for frame in client.events_received() if isinstance(frame, Frame)] == texts


def test_what_several_clients_are_sent_is_framed_once() -> None:
    texts = ["a", "b"]
    assert framed(list(texts)) is framed(list(texts))
    assert framed(["a", "c"]) == [b"\x81\x01a\x81\x01c"]


def test_much_is_framed_in_parts() -> None:
    assert list(map(len, framed(["x" * ROOM_BYTES] * 2))) == [ROOM_BYTES + 10] * 2
