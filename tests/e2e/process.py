"""Starts and stops the real processes: a backend, and a page on one of three servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 20

PAGE_COMMANDS = {
    "gthread": ["-m", "fastagency", "frontend", "--server", "gunicorn"],
    "sync": ["-m", "gunicorn", "fastagency_frontend.main:app", "--worker-class", "sync", "--threads", "1"],
    "waitress": ["-m", "waitress", "--listen=127.0.0.1:{port}", "fastagency_frontend.main:app"],
}
"""`fastagency frontend` as in the Procfile; the others with the servers' defaults, as in the guide."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """One server process, on a port that stays the same when it is started again."""

    def __init__(
        self,
        arguments: list[str],
        health: str,
        environment: dict[str, str],
        log: Path,
        port: int,
        *,
        python: str = sys.executable,
        folder: Path = ROOT,
        user: int | None = None,
    ) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._command = [python, *(each.format(port=port) for each in arguments)]
        self._folder = folder
        self._user = user
        self._health = self.url + health
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("FASTAGENCY_", "OPENAI_"))}
        self._environment = {**clean, "PYTHONUNBUFFERED": "1", **environment}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the process is not running"
        return self._process.pid

    @property
    def log(self) -> str:
        """What the process has written so far."""
        return self._log.read_text(encoding="utf-8")

    def start(self) -> None:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self._user,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            assert self._process.poll() is None, f"The process ended at once:\n{self._log.read_text()}"
            assert time.monotonic() < deadline, f"The process does not answer:\n{self._log.read_text()}"
            time.sleep(0.1)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout_s: float) -> int:
        """Wait for it to end by itself; its exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """End it as a crash does, children included."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _answers(self) -> bool:
        try:
            return httpx.get(self._health, timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def _end(self, signal_number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.killpg(process.pid, signal_number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_TIMEOUT_S)


def backend_process(folder: Path, **settings: str) -> Process:
    """A backend with the workflows of the end-to-end tests, its database in `folder`.

    Where people sign in, what it does is not for everybody; so with the page.
    """
    port = free_port()
    environment = {
        "FASTAGENCY_BACKEND_PORT": str(port),
        "FASTAGENCY_DATABASE": str(folder / "runs.sqlite3"),
        "FASTAGENCY_WORKFLOWS": "tests.e2e.workflows:wf",
        **settings,
    }
    health = "/fastagency/health" if "FASTAGENCY_SIGN_IN" in settings else "/fastagency/discovery"
    return Process(["-m", "fastagency", "backend"], health, environment, folder / "backend.log", port)


def page_process(server: str, backend: Process, folder: Path, **settings: str) -> Process:
    """The page for a backend, on one of the servers of `PAGE_COMMANDS`."""
    port = free_port()
    environment = {
        "FASTAGENCY_FRONTEND_PORT": str(port),
        "FASTAGENCY_BACKEND_URL": backend.url,
        "FASTAGENCY_TITLE": "Agents at work",
        "FASTAGENCY_DESCRIPTION": "Choose a conversation. You can leave at any time and come back later.",
        **settings,
    }
    health = "/__fastagency__/health" if "FASTAGENCY_SIGN_IN" in settings else "/"
    return Process(PAGE_COMMANDS[server], health, environment, folder / f"page-{server}.log", port)
