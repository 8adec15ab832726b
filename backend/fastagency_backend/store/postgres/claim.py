"""Which runs a worker takes up next: by turns among their users, and no more at work than the limits allow.

What is looked at is only what is ready, what is at work and what is due, each by an index of its own; parked runs cost
nothing here. Where there are limits, claims follow one another; otherwise each passes over what another holds.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from fastagency_backend.store.dispatch import ON_TRIAL, AtWork
from fastagency_backend.store.postgres.sql import ACQUITTED, NOW, ONE_BY_ONE, OWNERS, RECORD

USER = "COALESCE(user_id, '')"
"""Whoever is not signed in counts as one user, for the turns; no limit is set on that one."""
DUE_AT_ONCE = 1000
LOOKED_AT = 2000
"""How many ready runs a claim looks at; with more, it begins where the last one has ended."""
SPARE = 4
"""How many times as many are chosen as are taken: others may be taking them too."""

COME_DUE = (
    "UPDATE run SET status = 'ready', due = NULL WHERE id IN (SELECT id FROM run WHERE status = 'waiting' "
    f"AND worker IS NULL AND due IS NOT NULL AND due <= {NOW} ORDER BY due LIMIT {DUE_AT_ONCE} "
    "FOR NO KEY UPDATE SKIP LOCKED)"
)
STRANGERS = f"{OWNERS} AND NOT EXISTS (SELECT 1 FROM worker WHERE worker.id = owner.id)"
"""Owners of runs that are no workers any more."""
_BUILD = "(build IS NULL OR %(builds)s::text[] IS NULL OR build = ANY(%(builds)s))"
_NEXT_USER = (
    f"(SELECT {USER} AS who FROM run WHERE status = 'ready' AND workflow = {{workflow}} AND {USER} {{after}} "
    f"ORDER BY {USER} LIMIT 1) next"
)
READY = (
    "WITH RECURSIVE turn(workflow, who) AS (SELECT w.name, next.who FROM unnest(%(workflows)s::text[]) AS w(name) "
    f"CROSS JOIN LATERAL {_NEXT_USER.format(workflow='w.name', after='>= %(first)s')} "
    "UNION ALL SELECT turn.workflow, next.who FROM turn "
    f"CROSS JOIN LATERAL {_NEXT_USER.format(workflow='turn.workflow', after='> turn.who')}) "
    "SELECT ready.id, turn.who, turn.workflow, ready.updated, ready.number FROM turn CROSS JOIN LATERAL "
    f"(SELECT id, updated, number FROM run WHERE status = 'ready' AND workflow = turn.workflow AND {USER} = turn.who "
    f"AND attempts < {ON_TRIAL} AND {_BUILD} ORDER BY updated, number LIMIT %(limit)s) ready LIMIT {LOOKED_AT}"
)
ON_TRIAL_NEXT = (
    f"SELECT id FROM run WHERE status = 'ready' AND attempts >= {ON_TRIAL} AND workflow = ANY(%(workflows)s) "
    f"AND {_BUILD} ORDER BY updated DESC LIMIT 1"
)
AT_WORK_OF_USERS = (
    f"SELECT {USER}, count(*) FROM run WHERE status = 'running' AND worker IS NOT NULL AND {USER} = ANY(%s) GROUP BY 1"
)
AT_WORK_OF_WORKFLOWS = (
    "SELECT workflow, count(*) FROM run WHERE status = 'running' AND worker IS NOT NULL AND workflow = ANY(%s) "
    "GROUP BY 1"
)
HOLD = (
    "SELECT run.id FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS chosen(id, place) JOIN run ON run.id = chosen.id "
    "WHERE run.status = 'ready' ORDER BY place LIMIT %(limit)s FOR NO KEY UPDATE OF run SKIP LOCKED"
)
TAKE = (
    f"UPDATE run SET worker = %(worker)s, fence = fence + 1, updated = {NOW}, suspect = true, due = NULL, "
    "claim = %(claim)s, build = %(build)s, status = CASE WHEN EXISTS (SELECT 1 FROM question q "
    f"WHERE q.run = run.number AND q.value IS NULL AND (q.due IS NULL OR q.due > {NOW}) {ONE_BY_ONE}) "
    f"THEN 'waiting' ELSE 'running' END WHERE id = ANY(%(ids)s) RETURNING {RECORD}"
)
"""A run whose only open questions are past their deadline is about to work. The rows are held by then."""
TAKEN = f"SELECT run.claim, {RECORD} FROM run WHERE worker = %s AND claim = ANY(%s)"
"""What claims have taken whose replies were lost."""

BURY = (
    "DELETE FROM worker USING unnest(%(ids)s::text[], %(beats)s::bigint[]) AS dead(id, beat) "
    "WHERE worker.id = dead.id AND worker.beat = dead.beat RETURNING worker.id"
)
"""Only one of those who notice a death gets the row, and none if the worker has come back meanwhile."""
HOLD_ALL_OF = "SELECT 1 FROM run WHERE worker = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
COUNT_DEATHS = (
    "WITH crew AS (SELECT worker, count(*) AS runs, count(*) FILTER (WHERE suspect) AS suspects FROM run "
    "WHERE worker = ANY(%s) GROUP BY worker) "
    "UPDATE run SET attempts = attempts + 1, "
    "blamed = (CASE WHEN crew.suspects > 0 THEN crew.suspects ELSE crew.runs END) = 1 "
    "FROM crew WHERE run.worker = crew.worker AND (suspect OR crew.suspects = 0)"
)
"""A death counts for those that got no further since they were taken up; if all did, for all."""
LOSE = "UPDATE run SET status = 'ready', worker = NULL WHERE worker = ANY(%s) RETURNING id"
RELEASE = (
    f"UPDATE run SET status = 'ready', worker = NULL, updated = {NOW}, {ACQUITTED} WHERE worker = ANY(%s) RETURNING id"
)

GIVE_BACK = (
    f"UPDATE run SET status = 'ready', worker = NULL, updated = {NOW}, suspect = false FROM "
    "unnest(%(ids)s::text[], %(fences)s::bigint[]) AS given(id, fence) "
    "WHERE run.id = given.id AND run.fence = given.fence AND run.worker = %(worker)s RETURNING run.id"
)
"""The rows are held by then."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A run that waits for a worker; `user` is empty for nobody."""

    id: str
    user: str
    workflow: str
    since: float
    number: int = 0


class Turns:
    """Chooses among what is ready, and remembers who had a turn last."""

    def __init__(self) -> None:
        self._number = 0
        self._served: dict[str, int] = {}

    def choose(
        self, ready: Sequence[Ready], by_user: Counter[str], by_workflow: Counter[str], limits: AtWork, limit: int
    ) -> list[Ready]:
        """Up to `limit`: of the user with the fewest runs at work, then of who had no turn for the longest time."""
        lines: dict[str, list[Ready]] = {}
        for each in sorted(ready, key=lambda each: (each.since, each.number), reverse=True):
            lines.setdefault(each.user, []).append(each)
        self._served = {user: self._served.get(user, 0) for user in lines}
        by_user, by_workflow = Counter(by_user), Counter(by_workflow)
        served, number = dict(self._served), self._number
        turns = [(by_user[user], served[user], line[-1].since, user) for user, line in lines.items()]
        heapq.heapify(turns)
        chosen: list[Ready] = []
        while turns and len(chosen) < limit:
            user = heapq.heappop(turns)[-1]
            line = lines[user]
            while line and by_workflow[line[-1].workflow] >= limits.of_workflow(line[-1].workflow):
                line.pop()
            if not line or by_user[user] >= limits.of_user(user):
                continue
            run = line.pop()
            chosen.append(run)
            by_user[user] += 1
            by_workflow[run.workflow] += 1
            number += 1
            served[user] = number
            if line:
                heapq.heappush(turns, (by_user[user], number, line[-1].since, user))
        return chosen

    def served(self, users: Sequence[str]) -> None:
        """These have had a turn, in this order."""
        for user in users:
            self._number += 1
            self._served[user] = self._number
