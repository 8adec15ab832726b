"""Makes `runs_1_0.sql`, a database that version 1.0 wrote: run it with the Python of an installed 1.0.

    git worktree add /tmp/v1 bbef148 && cd /tmp/v1 && uv venv && uv pip install -r requirements.lock -e .
    /tmp/v1/.venv/bin/python tests/integration/upgrade/make.py

One process begins each workflow, answers some of its questions, waits until it is parked or in the middle of a call,
and dies as by `kill -9`. The file that it leaves is written down as SQL, so that a person can read it.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).parent


def begin(database: Path) -> None:
    """In a process of its own: take every run as far as `BEFORE` says, and die."""
    sys.path.insert(0, str(HERE))
    from workflows import ANSWERS, BEFORE, HELD, PARAMS, run_id, wf

    from fastagency.messages import InputAnswered, WorkflowFailed

    provider = wf.create_provider()
    for name in ANSWERS:
        provider.start(name, PARAMS.get(name, {}), run_id=run_id(name))
        for answer in ANSWERS[name][: BEFORE[name]]:
            until(lambda name=name: provider.run(run_id(name)).questions)
            provider.answer(run_id(name), provider.run(run_id(name)).questions[0].uuid, answer)
        said = provider.messages(run_id(name)).messages
        assert not any(isinstance(message, WorkflowFailed) for message in said), said
        assert sum(isinstance(message, InputAnswered) for message in said) == BEFORE[name]
    until(lambda: len(HELD) == sum(name.startswith("killed") for name in ANSWERS))
    with closing(sqlite3.connect(database)) as db:
        parked = "SELECT COUNT(*) FROM run WHERE worker IS NULL AND status = 'waiting'"
        until(lambda: db.execute(parked).fetchone()[0] == len(ANSWERS) - len(HELD))
    os._exit(9)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "runs.sqlite3")
        env = os.environ | {"UPGRADE_HOLD": "1", "FASTAGENCY_DATABASE": str(database), "FASTAGENCY_WARM_S": "0.5"}
        died = subprocess.run([sys.executable, __file__, str(database)], env=env, check=False)
        assert died.returncode == 9, died.returncode
        with closing(sqlite3.connect(database)) as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            lines = [*db.iterdump(), f"PRAGMA user_version = {version};"]
    Path(HERE, "runs_1_0.sql").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    begin(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
