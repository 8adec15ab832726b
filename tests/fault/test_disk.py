"""A disk that is full on and off, and a database that is taken away from under the process."""

from __future__ import annotations

import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.process import Process, backend_process

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(sys.platform != "linux", reason="The disk is filled with prlimit, which Linux has."),
]

RUNS = 6
TURNS = 40  # as in the workflows
TIMES_FULL = 12
DEADLINE_S = 90


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Process]:
    process = backend_process(
        tmp_path,
        FASTAGENCY_WORKFLOWS="tests.fault.disk:wf",
        TEST_PAID=str(tmp_path / "paid"),
        COVERAGE_PROCESS_START="",  # it could not write its data either
    )
    process.start()
    yield process
    process.stop()


def full(process: Process, database: Path, is_full: bool) -> None:
    """No file of the process may grow any more; or any may."""
    largest = max(path.stat().st_size for path in database.parent.glob(database.name + "*"))
    limit = largest if is_full else resource.RLIM_INFINITY
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def test_a_disk_that_is_full_on_and_off_neither_reorders_nor_pays_twice(backend: Process, tmp_path: Path) -> None:
    with httpx.Client(base_url=f"{backend.url}/fastagency", timeout=60) as client:
        runs = [start(client, number) for number in range(RUNS)]
        refusals = []
        for _ in range(TIMES_FULL):
            full(backend, tmp_path / "runs.sqlite3", True)
            time.sleep(0.15)
            reply = client.post("/initiate_workflow", json={"workflow_name": "on_loop", "params": {"x": "y" * 500_000}})
            refusals.append((reply.status_code, reply.json().get("code")))
            full(backend, tmp_path / "runs.sqlite3", False)
            time.sleep(0.1)
        deadline = time.monotonic() + DEADLINE_S
        while any(client.get(f"/runs/{run}").json()["status"] != "completed" for run in runs):
            assert time.monotonic() < deadline, backend.log[-3000:]
            time.sleep(0.2)
        for run in runs:
            assert texts(client, run) == [text for turn in range(TURNS) for text in (f"{turn}", f"after {turn}")]
    assert set(refusals) <= {(503, "StoreUnavailable"), (200, None)}
    assert (503, "StoreUnavailable") in refusals
    paid = Counter((tmp_path / "paid").read_text().splitlines())
    assert {line: times for line, times in paid.items() if times > 1 and int(line.split()[0]) < RUNS} == {}


def start(client: httpx.Client, number: int) -> str:
    name = "on_loop" if number % 2 else "in_thread"
    reply = client.post("/initiate_workflow", json={"workflow_name": name, "params": {"run": number}})
    run: str = reply.raise_for_status().json()["workflow_uuid"]
    return run


def texts(client: httpx.Client, run: str) -> list[str]:
    messages: list[dict[str, Any]] = client.get(f"/runs/{run}/messages", params={"limit": 500}).json()["messages"]
    return [each["content"]["body"].rstrip("x").rstrip() for each in messages if each["type"] == "text_message"]


@pytest.mark.parametrize("harm", ["deleted", "damaged"])
def test_a_process_whose_database_is_gone_stops_and_says_why(backend: Process, tmp_path: Path, harm: str) -> None:
    database = tmp_path / "runs.sqlite3"
    with httpx.Client(base_url=f"{backend.url}/fastagency", timeout=60) as client:
        start(client, 1)
        if harm == "deleted":
            database.unlink()
        else:
            for path in database.parent.glob(database.name + "*"):
                path.write_bytes(b"\xff" * path.stat().st_size)
        deadline = time.monotonic() + DEADLINE_S
        while backend.running:
            assert time.monotonic() < deadline, backend.log[-3000:]
            try:
                assert client.get("/runs").status_code in (200, 503)
            except httpx.TransportError:
                break
            time.sleep(0.1)
    backend.wait(DEADLINE_S)
    said = {"deleted": "is not there any more", "damaged": "The database"}[harm]
    assert "This process stops now, so that it can be started again." in backend.log
    assert said in backend.log
