"""Starts the servers that are compared, each in a process of its own, and says what machine this is."""

from __future__ import annotations

import os
import platform
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

START_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Server:
    """A server under test: where it listens, its process and its database (if it has one)."""

    port: int
    pid: int
    database: Path

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def memory_mib(self) -> float:
        """Resident memory of the process (Linux)."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_s(self) -> float:
        """Processor time that all its threads have used so far, user and system (Linux).

        The clock that `clock_getcpuclockid(3)` names: what is in /proc/PID/stat, in nanoseconds instead of ticks.
        """
        return time.clock_gettime(~self.pid << 3 | 2)

    def disk_mib(self) -> float:
        """The database with its log."""
        return sum(path.stat().st_size for path in self.database.parent.glob(self.database.name + "*")) / 2**20


@contextmanager
def running(app: str, probe: str, *, bare: bool = False, **settings: str) -> Iterator[Server]:
    """Run `module:app` until the block ends, as `fastagency backend` would, or `bare`: under plain uvicorn.

    `settings` are FASTAGENCY_ variables in lower case.
    """
    with tempfile.TemporaryDirectory(prefix="fastagency-bench-") as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        database = Path(folder) / "runs.sqlite3"
        env = os.environ | {f"FASTAGENCY_{name.upper()}": value for name, value in settings.items()}
        env |= {"FASTAGENCY_DATABASE": str(database), "FASTAGENCY_LOG_LEVEL": "WARNING"}
        program = ["uvicorn", "--log-level", "warning"] if bare else ["benchmarks.shipped"]
        command = [sys.executable, "-m", *program, app, "--port", str(port)]
        process = subprocess.Popen(command, env=env)
        try:
            _await(f"http://127.0.0.1:{port}{probe}")
            yield Server(port, process.pid, database)
        finally:
            process.terminate()
            process.wait(20)


def _await(url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with urlopen(url, timeout=2):
                return
        except (URLError, ConnectionError, TimeoutError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def particulars() -> dict[str, Any]:
    """The machine that the figures come from, and what runs on it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    packages = ("fastapi", "starlette", "uvicorn", "uvloop", "websockets", "pydantic")
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "versions": {name: version(name) for name in packages},
        "load": [round(load, 2) for load in os.getloadavg()],
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def machine() -> str:
    """One line about the machine that the figures come from."""
    found = particulars()
    return (
        f"{found['cores']} cores, {found['cpu']}, {found['kernel']}, Python {found['python']}, "
        f"SQLite {found['sqlite']}, load {found['load'][0]}"
    )


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
