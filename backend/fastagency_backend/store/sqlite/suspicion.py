"""Which runs may have taken their worker down. Used in the thread that writes.

When a worker dies, nobody knows whether one of its runs did it (`os._exit`, out of memory, a frozen loop), and which.
What is known is which of them got no further after the worker had taken them up: those are suspects, and the death
counts as an attempt of each; if all got further, it counts for all. A run that gets further is acquitted. A run that
was the only suspect is blamed: the engine sets a blamed run aside once it has had its attempts.

So that there is a single suspect soon, the engine takes runs with several attempts on trial, one at a time, the one
that was last on trial first.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from fastagency_backend.store.dispatch import ON_TRIAL, Builds

OF_BUILD = "(build IS NULL OR ? IS NULL OR build IN (SELECT value FROM json_each(?)))"
"""Whether a run is for those who drive these builds: twice the same JSON, or NULL for any."""
ACQUITTED = "attempts = 0, suspect = 0, blamed = 0"
NEXT_ON_TRIAL = (
    f"SELECT id FROM run WHERE status = 'ready' AND attempts >= {ON_TRIAL} "
    f"AND +workflow IN (SELECT value FROM json_each(?)) AND {OF_BUILD} ORDER BY updated DESC LIMIT 1"
)
"""The plus keeps the index of all that is ready from being used: those on trial are few."""


def count_death(db: sqlite3.Connection, worker: str) -> None:
    """Count a worker's death for its runs, before they are given to others."""
    under_suspicion, runs = db.execute(
        "SELECT COALESCE(SUM(suspect), 0), COUNT(*) FROM run WHERE worker = ?", (worker,)
    ).fetchone()
    db.execute(
        "UPDATE run SET attempts = attempts + 1, blamed = ? WHERE worker = ? AND suspect >= ?",
        ((under_suspicion or runs) == 1, worker, under_suspicion > 0),
    )


def suspect(db: sqlite3.Connection, workflows: Sequence[str], builds: Builds) -> list[str]:
    """The id of the run that is to be taken up on trial, if there is one: what was on trial last comes first."""
    args = (json.dumps(list(workflows)), *of_build(builds))
    return [row[0] for row in db.execute(NEXT_ON_TRIAL, args)]


def of_build(builds: Builds) -> tuple[str | None, str | None]:
    """What `OF_BUILD` takes."""
    names = None if builds.named is None else json.dumps(builds.named)
    return names, names
