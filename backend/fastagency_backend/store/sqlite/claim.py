"""Which runs a worker takes up next: by turns among their users, and no more at work than the limits allow.

Runs first become ready, by themselves: those whose moment has come, and those whose worker has died. What is looked at
is only what is ready, what is at work and what is due, each by an index of its own; parked runs cost nothing here. All
of it happens in the one transaction of the claim, so several workers share the limits.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing

from fastagency_backend.store.dispatch import ON_TRIAL, AtWork, Builds
from fastagency_backend.store.sqlite.liveness import NOW
from fastagency_backend.store.sqlite.sql import OWNERS
from fastagency_backend.store.sqlite.suspicion import NEXT_ON_TRIAL, OF_BUILD, count_death, of_build

USER = "COALESCE(user_id, '')"
"""Whoever is not signed in counts as one user, for the turns; no limit is set on that one."""
DUE_AT_ONCE = 1000

_DUE = "status = 'waiting' AND worker IS NULL AND due IS NOT NULL"
_COME_DUE = (
    "UPDATE run SET status = 'ready', due = NULL WHERE id IN "
    f"(SELECT id FROM run WHERE {_DUE} AND due <= {NOW} ORDER BY due LIMIT {DUE_AT_ONCE})"
)
NEXT_DUE = f"SELECT MIN(due) - {NOW} FROM run WHERE {_DUE}"
_LOST = "UPDATE run SET status = 'ready', worker = NULL WHERE worker = ?"
_AT_WORK = (
    f"SELECT {USER}, workflow, COUNT(*) FROM run WHERE status = 'running' AND worker IS NOT NULL "
    f"GROUP BY {USER}, workflow"
)
_USERS = (
    f"WITH RECURSIVE turn(user) AS (SELECT MIN({USER}) FROM run WHERE status = 'ready' AND workflow = :workflow "
    f"UNION ALL SELECT (SELECT MIN({USER}) FROM run WHERE status = 'ready' AND workflow = :workflow "
    f"AND {USER} > turn.user) FROM turn WHERE turn.user IS NOT NULL) SELECT user FROM turn WHERE user IS NOT NULL"
)
_LINE = (
    f"SELECT id, updated FROM run WHERE status = 'ready' AND workflow = ? AND {USER} = ? "
    f"AND attempts < {ON_TRIAL} AND {OF_BUILD} ORDER BY updated LIMIT ?"
)
STATEMENTS = (_COME_DUE, NEXT_DUE, OWNERS, _LOST, _AT_WORK, _USERS, _LINE, NEXT_ON_TRIAL)
"""What is done at every claim; a test looks at how."""


def make_ready(db: sqlite3.Connection, dead: Sequence[str]) -> None:
    """Runs whose moment has come, and runs of dead workers, wait for a worker from now on."""
    db.execute(_COME_DUE)
    owners = [row[0] for row in db.execute(OWNERS)]
    alive = {row[0] for row in db.execute("SELECT id FROM worker")} - set(dead)
    for owner in owners:
        if owner not in alive:
            if owner in dead:
                count_death(db, owner)
            db.execute(_LOST, (owner,))


class Turns:
    """Chooses among what is ready, and remembers who had a turn last. Used in the thread that writes."""

    def __init__(self) -> None:
        self._number = 0
        self._served: dict[str, int] = {}

    def choose(
        self, db: sqlite3.Connection, workflows: Sequence[str], limits: AtWork, builds: Builds, limit: int
    ) -> list[str]:
        """Up to `limit` ids: of the user with the fewest runs at work, then of who had no turn for the longest time."""
        by_user, by_workflow = _count(db)
        full = {name for name in workflows if by_workflow[name] >= limits.of_workflow(name)}
        lines = _Lines(db, [name for name in workflows if name not in full], builds, limit)
        self._served = {user: self._served.get(user, 0) for user in lines.users}
        turns = [self._turn(user, by_user, lines) for user in lines.users if by_user[user] < limits.of_user(user)]
        heapq.heapify(turns)
        chosen: list[str] = []
        with closing(lines):
            while turns and len(chosen) < limit:
                *_, user = heapq.heappop(turns)
                taken = lines.take(user, full)
                if taken is None:
                    continue
                run_id, workflow = taken
                chosen.append(run_id)
                by_user[user] += 1
                by_workflow[workflow] += 1
                if by_workflow[workflow] >= limits.of_workflow(workflow):
                    full.add(workflow)
                self._number += 1
                self._served[user] = self._number
                if by_user[user] < limits.of_user(user):
                    heapq.heappush(turns, self._turn(user, by_user, lines))
        return chosen

    def _turn(self, user: str, by_user: Counter[str], lines: _Lines) -> tuple[int, int, float, str]:
        return by_user[user], self._served[user], lines.oldest(user), user


class _Lines:
    """What is ready: for each user and workflow the runs, oldest first, of which no more are read than are taken."""

    def __init__(self, db: sqlite3.Connection, workflows: Sequence[str], builds: Builds, limit: int) -> None:
        self._heads: dict[str, list[tuple[float, str, str, Iterator[tuple[str, float]]]]] = {}
        self._cursors: list[sqlite3.Cursor] = []
        for workflow in workflows:
            for (user,) in db.execute(_USERS, {"workflow": workflow}).fetchall():
                rows = db.execute(_LINE, (workflow, user, *of_build(builds), limit))
                self._cursors.append(rows)
                self._push(user, workflow, rows)

    @property
    def users(self) -> list[str]:
        return list(self._heads)

    def oldest(self, user: str) -> float:
        heads = self._heads[user]
        return heads[0][0] if heads else float("inf")

    def take(self, user: str, full: set[str]) -> tuple[str, str] | None:
        """The user's oldest run of a workflow that is not full, and that workflow."""
        heads = self._heads[user]
        while heads:
            _, run_id, workflow, rows = heapq.heappop(heads)
            if workflow not in full:
                self._push(user, workflow, rows)
                return run_id, workflow
        return None

    def close(self) -> None:
        for cursor in self._cursors:
            cursor.close()

    def _push(self, user: str, workflow: str, rows: Iterator[tuple[str, float]]) -> None:
        head = next(rows, None)
        heads = self._heads.setdefault(user, [])
        if head is not None:
            heapq.heappush(heads, (head[1], head[0], workflow, rows))


def _count(db: sqlite3.Connection) -> tuple[Counter[str], Counter[str]]:
    by_user: Counter[str] = Counter()
    by_workflow: Counter[str] = Counter()
    for user, workflow, count in db.execute(_AT_WORK):
        by_user[user] += count
        by_workflow[workflow] += count
    return by_user, by_workflow
