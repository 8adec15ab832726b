"""Requests that are never finished do not stop the page, on the servers that `fastagency` starts."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.process.test_command import ANYWHERE, fastagency, fetched

HELD = 210
"""More than 64 of those that hold a thread of gunicorn's own worker; fewer than one address may have."""
SOON_S = 10.0
"""Well below the deadline of a request, far above what an answer takes on a busy machine."""

HALVES = [
    b"",
    b"G",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    b"POST /__ui__ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
    b"POST /__ui__ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    b"POST /__ui__ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
    b"GET /__fastagency__/health HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\n",
]


@contextmanager
def page(server: str, folder: Path, **variables: str) -> Iterator[str]:
    with fastagency(folder, "frontend", "--server", server, **ANYWHERE, **variables) as command:
        yield command.expect(r"The page is at (http://127.0.0.1:\d+)")[1]


def held(url: str, half: bytes) -> socket.socket:
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), timeout=30)
    connection.sendall(half)
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has closed it; waits for a while, as the connection's timeout says."""
    try:
        return not connection.recv(1)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_half_sent_requests_keep_nobody_waiting(server: str, tmp_path: Path) -> None:
    with page(server, tmp_path) as url, ExitStack() as held_open:
        fetched(url)
        for half in HALVES:
            for _ in range(HELD // len(HALVES)):
                held_open.enter_context(held(url, half))
        began = time.monotonic()
        assert "<title>FastAgency</title>" in fetched(url)
        assert time.monotonic() - began < SOON_S


@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_a_request_that_does_not_arrive_is_let_go_however_it_dawdles(server: str, tmp_path: Path) -> None:
    with page(server, tmp_path) as url, held(url, b"GET / HTTP/1.1\r\nX-Slow: ") as connection:
        connection.settimeout(1)
        began = time.monotonic()
        while not is_closed(connection) and time.monotonic() - began < 60:
            with suppress(ConnectionError):
                connection.sendall(b"x")
        assert 15 < time.monotonic() - began < 50


@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_one_address_has_only_so_many_connections(server: str, tmp_path: Path) -> None:
    few = {"FASTAGENCY_FRONTEND_CONNECTIONS_PER_ADDRESS": "3"}
    with page(server, tmp_path, **few) as url, ExitStack() as held_open:
        first = [held_open.enter_context(held(url, b"G")) for _ in range(3)]
        with held(url, b"") as fourth:
            assert is_closed(fourth)
        first[0].close()
        deadline = time.monotonic() + SOON_S
        while True:
            try:
                assert "<title>" in fetched(url)
                break
            except OSError:
                assert time.monotonic() < deadline


def test_whoever_reads_no_answer_gives_the_thread_back(tmp_path: Path) -> None:
    with page("gunicorn", tmp_path, FASTAGENCY_FRONTEND_THREADS="2") as url, ExitStack() as held_open:
        many = b"GET /prod_bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10  # more than all buffers take
        for _ in range(2):
            held_open.enter_context(held(url, many))
        time.sleep(5)  # each has a thread by now, which writes
        began = time.monotonic()
        assert "<title>" in fetched(url)
        assert time.monotonic() - began < 45
