"""The clock of the machine jumps by an hour, and the machine is busy: no run leaves a worker that lives."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.e2e.process import Process, backend_process
from tests.needed import missing

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

RUNS = 20
LEASE_S = 3
LONG_ENOUGH_S = 4 * LEASE_S
BUSY = 8
DEADLINE_S = 60


@pytest.fixture
def faked(tmp_path: Path) -> dict[str, str]:
    """The environment of a process whose time of day is `now` plus what stands in the file `clock`."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")) if shutil.which("faketime") else []
    if not found:
        missing("faketime is not installed: apt-get install faketime")
    (tmp_path / "clock").write_text("+0")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(tmp_path / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def workers(folder: Path, *, nice: int = 0, **environment: str) -> Iterator[Process]:
    """Two backends on one database."""
    settings = {
        "FASTAGENCY_WORKFLOWS": "tests.fault.clock:wf",
        "FASTAGENCY_LEASE_S": str(LEASE_S),
        "COVERAGE_PROCESS_START": "",  # measuring would be a load of its own
        **environment,
    }
    for name in ("first", "second"):
        (folder / name).mkdir()
        process = backend_process(folder / name, **{**settings, "FASTAGENCY_DATABASE": str(folder / "runs.sqlite3")})
        process.start()
        if nice:
            os.setpriority(os.PRIO_PGRP, process.pid, nice)
        yield process


def with_runs(processes: Iterator[Process], folder: Path) -> tuple[Process, Process]:
    """Start the runs before there is a second worker that could take one."""
    first = next(processes)
    with httpx.Client(base_url=f"{first.url}/fastagency", timeout=60) as client:
        for _ in range(RUNS):
            client.post("/initiate_workflow", json={"workflow_name": "patient"}).raise_for_status()
    wait_for(folder, 1)
    return first, next(processes)


def taken(folder: Path) -> list[int]:
    """How often each run was taken up."""
    with closing(sqlite3.connect(folder / "runs.sqlite3", timeout=30)) as db:
        return [fence for (fence,) in db.execute("SELECT fence FROM run")]


def wait_for(folder: Path, times: int) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while taken(folder) != [times] * RUNS:
        assert time.monotonic() < deadline, str(taken(folder))
        time.sleep(0.1)


def test_a_clock_that_jumps_moves_no_run_and_a_dead_workers_runs_still_move(
    tmp_path: Path, faked: dict[str, str]
) -> None:
    first, second = with_runs(workers(tmp_path, **faked), tmp_path)
    try:
        for jump in ("+3600", "+0", "-3600"):
            (tmp_path / "clock").write_text(jump)
            time.sleep(LONG_ENOUGH_S)
            assert taken(tmp_path) == [1] * RUNS, f"after a jump to {jump} s"
        first.kill()
        wait_for(tmp_path, 2)
    finally:
        for process in (first, second):
            process.kill()


def _spin(until: float) -> None:
    while time.monotonic() < until:
        pass


def test_a_busy_machine_moves_no_run(tmp_path: Path) -> None:
    """Workers that come last, and many others: each is held up, and knows it."""
    first, second = with_runs(workers(tmp_path, nice=19), tmp_path)
    busy = []
    try:
        until = time.monotonic() + 2 * LONG_ENOUGH_S
        busy = [multiprocessing.get_context("fork").Process(target=_spin, args=(until,)) for _ in range(BUSY)]
        for process in busy:
            process.start()
        for process in busy:
            process.join()
        assert taken(tmp_path) == [1] * RUNS
    finally:
        for each in busy:
            each.kill()
        for backend in (first, second):
            backend.kill()
