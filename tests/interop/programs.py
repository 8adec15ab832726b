"""Starts what takes part: backends and pages of either side, and the peer's programs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastagency_shared.messages import new_uuid

from tests.e2e.process import ROOT, Process, free_port

PEER_VARIABLE = "FASTAGENCY_PEER_PYTHON"
"""The Python of the peer's environment; `tests/interop/run` sets it."""

PEER = Path(__file__).parent / "peer"
GUIDE = ROOT / "examples" / "guide"
PROGRAM_TIMEOUT_S = 60
DISCOVERY = "/fastagency/discovery"


def peer_python() -> str:
    return os.environ[PEER_VARIABLE]


def our_guide_backend(folder: Path) -> Process:
    """The guide's backend with our FastAgency, started with the guide's command."""
    return _uvicorn("main_1_fastapi:app", DISCOVERY, folder, cwd=GUIDE)


def our_backend(folder: Path) -> Process:
    """The backend of `ours.py`; without credentials only its OpenAPI document answers."""
    return _uvicorn("tests.interop.ours:app", "/openapi.json", folder)


def their_backend(folder: Path, model_url: str) -> Process:
    return _uvicorn("main_1_fastapi:app", DISCOVERY, folder, cwd=PEER, python=peer_python(), FAKE_MODEL=model_url)


def their_page(backend_url: str, folder: Path) -> Process:
    """The guide's page, word for word, with the peer's FastAgency, started with the guide's command."""
    port, log = free_port(), folder / "their-page.log"
    arguments = ["-m", "gunicorn", "main_2_mesop:app", "-b", "127.0.0.1:{port}"]
    settings = {"FASTAGENCY_BACKEND_URL": backend_url}
    return Process(arguments, "/", settings, log, port, python=peer_python(), folder=GUIDE)


def _uvicorn(app: str, health: str, folder: Path, *, cwd: Path = ROOT, **options: str) -> Process:
    python = {"python": options.pop("python")} if "python" in options else {}
    settings = {"FASTAGENCY_DATABASE": str(folder / "runs.sqlite3"), **options}
    arguments = ["-m", "uvicorn", app, "--host", "127.0.0.1", "--port", "{port}"]
    return Process(arguments, health, settings, folder / "backend.log", free_port(), folder=cwd, **python)


def their_client(
    url: str, workflow: str, answers: Sequence[str] = (), uuid: str | None = None, until: str = "stopped"
) -> list[dict[str, Any]]:
    """What the peer's provider handed to its user interface, message by message, until one of that type."""
    heard: list[dict[str, Any]] = []
    arguments = [url, workflow, json.dumps(list(answers)), uuid or new_uuid()]
    with _peer_program("client.py", arguments) as program:
        try:
            assert program.stdout is not None
            for line in program.stdout:
                heard.append(json.loads(line))
                if heard[-1]["type"] == until:
                    break
        finally:
            program.kill()
    assert heard, "the program said nothing"
    return heard


def their_console(url: str, workflow: str, typed: Sequence[str]) -> str:
    """What the peer's console printed, until it ended."""
    with _peer_program("console.py", [url, workflow]) as program:
        try:
            printed, _ = program.communicate("".join(f"{line}\n" for line in typed), timeout=PROGRAM_TIMEOUT_S)
        finally:
            program.kill()
    return printed


def _peer_program(name: str, arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [peer_python(), str(PEER / name), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        cwd=PEER,
        start_new_session=True,  # no terminal, so that a password is read from the input as well
    )
