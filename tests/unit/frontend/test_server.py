"""Starting the page: one clear sentence for what can go wrong, and gunicorn set up as the settings say."""

from __future__ import annotations

import runpy
import socket
import sys
from pathlib import Path

import pytest
from fastagency_frontend.__main__ import main
from fastagency_frontend.server import PortTaken, address_to_open, default_server, free_port, gunicorn_options
from fastagency_frontend.settings import FrontendSettings

ROOT = Path(__file__).parents[3]


def test_a_free_port_is_taken_as_it_is() -> None:
    port = free_port("127.0.0.1", 0)
    assert port > 0
    assert free_port("127.0.0.1", port) == port


def test_a_taken_port_is_said_in_one_sentence_that_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port} .*FASTAGENCY_FRONTEND_PORT"):
            free_port("127.0.0.1", port)


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(PortTaken, match="FASTAGENCY_FRONTEND_HOST"):
        free_port("192.0.2.1", 0)


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


def test_the_command_says_what_is_wrong_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("FASTAGENCY_FRONTEND_PORT", str(taken.getsockname()[1]))
        assert main([]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    monkeypatch.setenv("FASTAGENCY_FRONTEND_PORT", "many")
    assert main([]) == 1
    assert "FASTAGENCY_FRONTEND_PORT" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run on Windows")
def test_gunicorn_reads_the_same_settings_from_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_FRONTEND_THREADS", "12")
    found = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    options = gunicorn_options(FrontendSettings())
    assert options["threads"] == 12
    assert {name: found[name] for name in options} == options
    assert default_server() == "gunicorn"
