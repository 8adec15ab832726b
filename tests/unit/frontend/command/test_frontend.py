"""`fastagency frontend`: what can be wrong before anything is served."""

from __future__ import annotations

import socket

import pytest
from fastagency_frontend.command.main import main


def test_the_command_says_what_is_wrong_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("FASTAGENCY_FRONTEND_PORT", str(taken.getsockname()[1]))
        assert main(["frontend"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
    monkeypatch.setenv("FASTAGENCY_FRONTEND_PORT", "many")
    assert main(["frontend"]) == 1
    assert "FASTAGENCY_FRONTEND_PORT" in capsys.readouterr().err
