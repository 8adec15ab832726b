"""Where a server is to listen: one sentence for each thing that can be wrong, whoever asks."""

from __future__ import annotations

import errno
import os
import socket

import pytest
from fastagency_frontend.command.address import CannotListen, address_to_open, free_port


def test_a_free_port_is_taken_as_it_is() -> None:
    port = free_port("frontend", "127.0.0.1", 0)
    assert port > 0
    assert free_port("frontend", "127.0.0.1", port) == port


@pytest.mark.parametrize("side", ["frontend", "backend"])
def test_a_taken_port_is_said_in_one_sentence_that_names_the_setting(side: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = rf"Port {port} of 127\.0\.0\.1 is already in use\. .*FASTAGENCY_{side.upper()}_PORT=\d+\.$"
        with pytest.raises(CannotListen, match=said):
            free_port(side, "127.0.0.1", port)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "not a host"])
def test_an_address_that_is_not_ours(host: str) -> None:
    with pytest.raises(CannotListen, match=f"{host} is not an address of this machine.*FASTAGENCY_BACKEND_HOST"):
        free_port("backend", host, 0)


def test_a_reserved_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may use any, so that the system's answer is put in its place."""

    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(CannotListen, match=r"Port 80 of 127\.0\.0\.1 is reserved .*FASTAGENCY_FRONTEND_PORT=8888"):
        free_port("frontend", "127.0.0.1", 80)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8888"),
        ("0.0.0.0", "http://127.0.0.1:8888"),
        ("::1", "http://[::1]:8888"),
        ("chat.example", "http://chat.example:8888"),
    ],
)
def test_the_address_to_open(host: str, address: str) -> None:
    assert address_to_open(host, 8888) == address
    assert address_to_open(host, 8888, "/chat") == f"{address}/chat"
