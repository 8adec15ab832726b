"""Starts the applications of `examples/guide` with the guide's own commands, on free ports."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

EXAMPLES = Path(__file__).parents[2] / "examples"
GUIDE = EXAMPLES / "guide"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Served:
    """A process that answers at `url`; what it printed is in `log`."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]


@dataclass(frozen=True)
class Place:
    """Where applications of the guide are started: in this folder, with the programs on that path."""

    folder: Path
    path: str


HERE = Place(GUIDE, os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
"""The examples as they are in the repository, in this very environment."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str, place: Place = HERE) -> str:
    found = shutil.which(name, path=place.path)
    assert found is not None, f"{name} is not installed in {place.path}"
    return found


def environment(folder: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Conversations in `folder`; no model of the machine's own, so that the offline one answers."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("FASTAGENCY_", "OPENAI_"))}
    return clean | {"FASTAGENCY_DATABASE": str(folder / "runs.sqlite3"), "PYTHONUNBUFFERED": "1"} | dict(extra or {})


@contextmanager
def served(
    command: str, port: int, folder: Path, extra: Mapping[str, str] | None = None, place: Place = HERE
) -> Iterator[Served]:
    """Run a command of the guide until the block ends; `folder` gets its log and database. Yields once it answers."""
    name, *arguments = command.split()
    log = folder / f"{name}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program(name, place), *arguments],
            cwd=place.folder,
            env=environment(folder, extra),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # `--reload` has children: they are stopped with it
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(url, process, log)
        yield Served(url, log, process)
    finally:
        _stop(process)


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"it ended at once:\n{log.read_text()}"
        try:
            httpx.get(url, timeout=START_TIMEOUT_S)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"it does not answer at {url}:\n{log.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
