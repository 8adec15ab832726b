"""A backend that is started again whenever it ends, as systemd, Docker and Kubernetes do it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx

from tests.e2e.process import ROOT, free_port


class Supervised:
    """`deaths` counts how often the process has ended; `log` is what all of them have written."""

    def __init__(self, workflows: str, folder: Path, **settings: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.deaths = 0
        self._log = folder / f"backend-{port}.log"
        self._command = [
            sys.executable,
            "-m",
            "uvicorn",
            "fastagency_backend.main:app",
            "--port",
            self.url[-5:].strip(":"),
        ]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("FASTAGENCY_", "OPENAI_"))}
        self._environment = clean | {
            "PYTHONUNBUFFERED": "1",
            "COVERAGE_PROCESS_START": "",  # not measured: the leases are short, and a death takes the measurement along
            "FASTAGENCY_WORKFLOWS": workflows,
            "FASTAGENCY_DATABASE": str(folder / "runs.sqlite3"),
            "FASTAGENCY_LEASE_S": "0.5",
            **settings,
        }
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/fastagency/discovery", timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """End the process as a crash does; it is started again."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self._closing.set()
        self.kill()
        self._thread.join()

    def _main(self) -> None:
        while not self._closing.is_set():
            with self._log.open("ab") as output:
                self._process = subprocess.Popen(
                    self._command, cwd=ROOT, env=self._environment, stdout=output, stderr=subprocess.STDOUT
                )
            self._process.wait()
            if not self._closing.is_set():
                self.deaths += 1
