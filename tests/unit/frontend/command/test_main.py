"""The command `fastagency`: which commands there are, and what holds for all of them."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from fastagency_frontend.command import main as command_line
from fastagency_frontend.command.main import found_commands, main
from fastagency_frontend.command.say import say
from fastagency_shared.command import Command
from fastagency_shared.errors import FastAgencyError


def test_both_sides_offer_their_commands() -> None:
    assert list(found_commands()) == [
        "start",
        "backend",
        "api",
        "worker",
        "frontend",
        "run",
        "check",
        "user",
        "token",
        "audit",
        "migrate",
        "copy",
        "backup",
        "restore",
        "replay",
        "version",
    ]


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.split() == [version("fastagency")] * 2
    assert main([]) == 0
    assert "run an application" in capsys.readouterr().out


def offer(monkeypatch: pytest.MonkeyPatch, run: Callable[[argparse.Namespace, Any], int]) -> None:
    monkeypatch.setattr(command_line, "found_commands", lambda: {"try": Command("tries", run)})


@pytest.mark.parametrize("error", [FastAgencyError("It is wrong."), ImportError("It is wrong.")])
def test_what_a_command_cannot_do_is_one_sentence(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_options: argparse.Namespace, _free_port: Any) -> int:
        raise error

    offer(monkeypatch, run)
    assert main(["try"]) == 1
    assert capsys.readouterr().err == "fastagency: It is wrong.\n"


def test_ctrl_c_has_an_exit_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_options: argparse.Namespace, _free_port: Any) -> int:
        raise KeyboardInterrupt

    offer(monkeypatch, run)
    assert main(["try"]) == 130


def test_what_a_terminal_cannot_show_is_no_error() -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    say("café", to=terminal)
    terminal.seek(0)
    assert terminal.read() == "caf?\n"


def test_variables_of_an_env_file_are_there_for_everything_and_do_not_replace_any(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[str | None] = []

    def run(_options: argparse.Namespace, _free_port: Any) -> int:
        seen.extend([os.environ.get("TRY_NEW"), os.environ.get("TRY_SET")])
        return 0

    offer(monkeypatch, run)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", {**os.environ, "TRY_SET": "before"})
    (tmp_path / ".env").write_text("TRY_NEW=file\nTRY_SET=file\n")
    assert main(["try"]) == 0
    assert seen == ["file", "before"]


def test_an_env_file_that_is_not_text_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"NAME=\xff\xfe")
    assert main(["version"]) == 1
    assert f"The file {tmp_path / '.env'} cannot be read" in capsys.readouterr().err
