"""A thread is given to a request only when it will not wait for more of it."""

from __future__ import annotations

import pytest
from fastagency_frontend.command.arrival import MAX_BODY_BYTES, MAX_HEAD_BYTES, Arrival, arrival
from hypothesis import given
from hypothesis import strategies as st

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (b"", Arrival.NOTHING),
        (b"G", Arrival.PARTLY),
        (b"GET / HTTP/1.1\r\nHost: a\r\n", Arrival.PARTLY),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Arrival.WHOLE),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /", Arrival.WHOLE),
        (POST % 3, Arrival.PARTLY),
        (POST % 3 + b"ab", Arrival.PARTLY),
        (POST % 3 + b"abc", Arrival.WHOLE),
        (b"POST / HTTP/1.1\r\ncontent-LENGTH:\t2\r\n\r\n1", Arrival.PARTLY),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-Continue\r\n\r\n", Arrival.AWAITS_CONTINUE),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab", Arrival.WHOLE),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", Arrival.NO_LENGTH),
        (b"POST / HTTP/1.1\r\nContent-Length: -2\r\n\r\n", Arrival.WHOLE),
        (POST % (MAX_BODY_BYTES + 1), Arrival.TOO_LONG),
        (POST % 10**4000, Arrival.TOO_LONG),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD_BYTES, Arrival.HEAD_TOO_LONG),
    ],
)
def test_how_far_a_request_is(received: bytes, expected: Arrival) -> None:
    assert arrival(received) is expected
    assert arrival(bytearray(received)) is expected


@given(st.binary(max_size=40), st.data())
def test_no_part_of_a_request_is_taken_for_the_whole(body: bytes, data: st.DataObject) -> None:
    request = POST % len(body) + body
    assert arrival(request) is Arrival.WHOLE
    assert arrival(request[: data.draw(st.integers(0, len(request) - 1))]) in (Arrival.NOTHING, Arrival.PARTLY)
