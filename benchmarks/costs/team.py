"""A team of two agents that has left memory and is brought back by an answer: all it said is replayed first."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.peers import Extent

TEAM = Row("team", "a parked AgentChat team of two (40 steps) brought back", "s", judged="ours", least=0.05, aim=0.02)
HELD = Row("team-held", "the same: longest pause of the loop", "s", judged="ours", least=0.05, aim=0.02)
FIRST = Row("team-first", "the same, the first one in a process", "s", judged="ours")
FIRST_HELD = Row("team-first-held", "the first one: longest pause of the loop", "s", judged="ours")
STEPS = 40


async def brought_back(extent: Extent) -> list[Figure]:
    """A process for each round, which brings two teams back."""
    with tempfile.TemporaryDirectory(prefix="fastagency-bench-") as folder:
        database = str(Path(folder) / "runs.sqlite3")
        parked = await _process(database, "park", str(2 * extent.rounds), str(extent.of(STEPS, 4)))
        rounds = [await _process(database, "answer", *pair) for pair in zip(parked[::2], parked[1::2], strict=True)]
    return [
        Figure(TEAM, [second[0] for _, second in rounds]),
        Figure(HELD, [second[1] for _, second in rounds]),
        Figure(FIRST, [first[0] for first, _ in rounds]),
        Figure(FIRST_HELD, [first[1] for first, _ in rounds]),
    ]


async def _process(database: str, *arguments: str) -> Any:
    command = [sys.executable, "-m", "benchmarks.costs.team_process", database, *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {process.returncode}.")
    return json.loads(printed)
