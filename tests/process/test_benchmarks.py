"""The command that measures what a run costs, on its cheapest rows: that it runs, not what it finds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.contract.postgres_server import programs

ROOT = Path(__file__).parents[2]


def costs(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.costs", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


def test_some_rows_are_measured_printed_and_written(tmp_path: Path) -> None:
    written = tmp_path / "costs.json"
    done = costs("--only", "start,cpu,floor", "--rounds", "1", "--small", "--json", str(written))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n| ") == 5  # the headings, the line below them, and three rows
    document = json.loads(written.read_text())
    assert set(document["rows"]) == {"start", "cpu", "floor"}
    assert all(row["ours"][0] > 0 for row in document["rows"].values())
    assert document["machine"]["cores"] >= 1


def test_a_row_that_is_not_there_is_refused() -> None:
    done = costs("--only", "speed")
    assert done.returncode == 2
    assert "There is no row speed. Choose from start, question, cpu" in done.stderr


def test_the_stores_are_measured_beside_each_other(tmp_path: Path) -> None:
    programs()  # skips where there is no PostgreSQL
    written = tmp_path / "stores.json"
    command = [sys.executable, "-m", "benchmarks.stores", "--small", "--rounds", "1", "--json", str(written)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(written.read_text())
    assert {"one", "twenty", "more", "answer", "noticed", "hints", "parked-claim", "live"} < set(document["rows"])
    assert "acknowledged events are there, each once" in document["rows"]["live"]["note"]
    assert document["machine"]["postgres"]["fsync"] == "on"
