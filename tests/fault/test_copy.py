"""`fastagency copy` moves a service from its file to PostgreSQL: all of it is there, and goes on. A kill is no loss."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from fastagency_frontend.client import FastAPIProvider

from benchmarks.copying import fill
from tests.contract.postgres_server import PostgresServer
from tests.e2e.process import ROOT, Process, free_port
from tests.fault.hosts import HEALTH, until

RUNS = 4_000
SIXTH = 600


def backend(folder: Path, database: str) -> Process:
    port = free_port()
    environment = {
        "FASTAGENCY_DATABASE": database,
        "FASTAGENCY_BACKEND_PORT": str(port),
        "FASTAGENCY_WORKFLOWS": "tests.fault.paying:wf",
        "FASTAGENCY_WARM_S": "0.1",
        "TEST_PAID": str(folder / "paid"),
        "COVERAGE_PROCESS_START": "",
    }
    return Process(["-m", "fastagency", "backend"], HEALTH, environment, folder / f"{port}.log", port)


def copy(source: str, target: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fastagency", "copy", source, target]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FASTAGENCY_")}
    return subprocess.Popen(command, cwd=ROOT, env=clean, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def copied(source: str, target: str) -> str:
    process = copy(source, target)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def begun(url: str, name: str) -> str:
    with closing(FastAPIProvider(url)) as provider:
        return provider.start("work", {"name": name, "steps": 5, "ask_every": 2}).workflow_uuid


def answer(url: str, run: str, times: int) -> None:
    """Answer so often what is asked; the run waits for the next answer then, or has ended."""
    with closing(FastAPIProvider(url)) as provider:
        for _ in range(times):
            question = _still(url, run)["run"]["questions"][0]["uuid"]
            provider.answer(run, question, f"answer-{question}")
    _still(url, run)


def _still(url: str, run: str) -> Any:
    """The run, once it waits or has ended."""

    def look() -> Any:
        found = seen(url, run)
        return found if found["run"]["status"] in ("waiting", "completed") else None

    return until(look, "the run neither waits nor ends")


def seen(url: str, run: str) -> Any:
    """All that a client gets of a run: how it stands, and its messages with their numbers and moments."""
    return httpx.get(f"{url}/fastagency/runs/{run}/messages").raise_for_status().json()


def test_a_backend_moves_from_a_file_to_postgresql(tmp_path: Path, database: str) -> None:
    file = str(tmp_path / "runs.sqlite3")
    old = backend(tmp_path, file)
    old.start()
    answers = {"new": 0, "half": 1, "done": 2}
    runs = {name: begun(old.url, name) for name in answers}
    for name, times in answers.items():
        answer(old.url, runs[name], times)
    before = {name: seen(old.url, run) for name, run in runs.items()}
    assert [before[name]["run"]["status"] for name in runs] == ["waiting", "waiting", "completed"]
    listed = httpx.get(f"{old.url}/fastagency/runs").json()
    refused = copy(file, database)
    assert refused.wait(60) == 1
    assert "is in use. Stop the backend" in (refused.communicate()[1])
    old.stop()
    assert re.search(r"^The 3 conversations of .* \(0 were before\), read back and equal: ", copied(file, database))

    new = backend(tmp_path, database)
    new.start()
    try:
        assert httpx.get(f"{new.url}/fastagency/runs").json() == listed
        assert {name: seen(new.url, run) for name, run in runs.items()} == before
        for name, times in answers.items():
            answer(new.url, runs[name], 2 - times)
            assert seen(new.url, runs[name])["run"]["status"] == "completed"
    finally:
        new.stop()
    paid = Counter(tuple(line.split()[:2]) for line in (tmp_path / "paid").read_text().splitlines())
    assert set(paid.values()) == {1}, "no recorded step is made again"
    assert len(paid) == 3 * (5 + 2)


async def test_a_copy_that_is_killed_is_begun_again(tmp_path: Path, postgres: PostgresServer) -> None:
    file, interrupted, whole = str(tmp_path / "runs.sqlite3"), postgres.new_database(), postgres.new_database()
    await fill(Path(file), RUNS)
    process = copy(file, interrupted)
    there = _wait_for_some(interrupted)
    process.kill()
    process.communicate()
    assert process.returncode < 0, "it was not over yet"
    assert SIXTH <= there < RUNS
    again = copied(file, interrupted)
    known = int(re.search(r"\(([\d,]+) were before\)", again)[1].replace(",", ""))  # type: ignore[index]
    assert there <= known < RUNS
    assert _digest(again) == _digest(copied(file, whole))
    back = copied(interrupted, str(tmp_path / "back.sqlite3"))
    assert _digest(back) == _digest(again)
    with closing(sqlite3.connect(file)) as old, closing(sqlite3.connect(tmp_path / "back.sqlite3")) as new:
        for table in ("event", "step", "question"):
            sql = f"SELECT * FROM {table} ORDER BY 1, 2"
            assert old.execute(sql).fetchall() == new.execute(sql).fetchall()


def _wait_for_some(database: str) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with psycopg.connect(database, autocommit=True) as db:
            table = db.execute("SELECT to_regclass('schema_version') IS NOT NULL AND to_regclass('run') IS NOT NULL")
            if table.fetchone() == (True,):
                while (row := db.execute("SELECT count(*) FROM run").fetchone()) is not None:
                    if row[0] >= SIXTH:
                        return int(row[0])
                    assert time.monotonic() < deadline
    pytest.fail("nothing is copied")


def _digest(said: str) -> str:
    return said.split("sha256:")[1]
