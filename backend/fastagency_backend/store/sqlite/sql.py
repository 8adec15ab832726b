"""The statements of the embedded store that stand in more than one place, and its rows as records."""

from __future__ import annotations

import json
import sqlite3
from itertools import chain

from fastagency_shared.run import RunStatus

from fastagency_backend.store.base import (
    BLANKED,
    HIDDEN,
    LISTED_CHARS,
    LISTED_QUESTION_CHARS,
    LISTED_QUESTIONS,
    Lease,
    LeaseLost,
    Place,
    RunRecord,
    StoredEvent,
)
from fastagency_backend.store.sqlite.liveness import NOW
from fastagency_backend.store.sqlite.suspicion import ACQUITTED

OWNERS = (
    "WITH RECURSIVE owner(id) AS (SELECT MIN(worker) FROM run WHERE worker IS NOT NULL UNION ALL "
    "SELECT (SELECT MIN(worker) FROM run WHERE worker IS NOT NULL AND worker > owner.id) FROM owner "
    "WHERE owner.id IS NOT NULL) SELECT id FROM owner WHERE id IS NOT NULL"
)
"""Who owns runs, by steps through the index."""
LIVE = "status IN ('ready', 'running', 'waiting')"
OPEN_QUESTION = "EXISTS (SELECT 1 FROM question q WHERE q.run_id = run.id AND q.value IS NULL)"
WAITS = f"({OPEN_QUESTION} OR due IS NOT NULL)"
"""Whether an owned run waits for people, or for a moment."""
DUE_WHEN_PARKED = (
    "(SELECT MIN(due) FROM (SELECT run.due UNION ALL "
    "SELECT q.due FROM question q WHERE q.run_id = run.id AND q.value IS NULL))"
)
OWNED = "id = :run_id AND fence = :fence AND status IN ('running', 'waiting')"
NEXT_SEQ = "(SELECT COALESCE(MAX(seq), 0) + 1 FROM event WHERE run_id = :run_id)"

COLUMNS = (
    "id, workflow, params, user_id, status, title, result, durable, worker, fence, created, updated, "
    "key_version, attempts, blamed, parent, build, started_by"
)
_DETAILS = (
    "(SELECT COALESCE(MAX(seq), 0) FROM event WHERE run_id = run.id), "
    "(SELECT json_group_array(body) FROM (SELECT body FROM question WHERE run_id = run.id AND value IS NULL "
    f"AND run.{LIVE} {{few}}))"
)
DETAILS = _DETAILS.format(few="ORDER BY asked")
LISTED = (
    COLUMNS.replace("params", "'{}'").replace("result", f"substr(result, 1, {LISTED_CHARS})")
    + ", "
    + _DETAILS.format(few=f"AND length(body) <= {LISTED_QUESTION_CHARS} ORDER BY asked LIMIT {LISTED_QUESTIONS}")
)
GET_RUN = f"SELECT {COLUMNS}, {DETAILS} FROM run WHERE id = ?"

APPEND_EVENT = (
    "INSERT INTO event(run_id, seq, key, at, body) "
    f"SELECT :run_id, {NEXT_SEQ}, :key, :at, :body FROM run WHERE {OWNED} RETURNING seq"
)
LAST_SEQ = f"SELECT (SELECT COALESCE(MAX(seq), 0) FROM event WHERE run_id = :run_id) FROM run WHERE {OWNED}"
APPEND_STEP = (
    "INSERT INTO step(run_id, key, ord, value, asked) "
    f"SELECT :run_id, :key, :ord, :value, :asked FROM run WHERE {OWNED} RETURNING 0"
)
NOTE_ANSWER = (
    "UPDATE question SET ord = :ord WHERE run_id = :run_id AND uuid = :uuid "
    f"AND EXISTS (SELECT 1 FROM run WHERE {OWNED}) RETURNING 0"
)
INSERT_EVENT = "INSERT INTO event(run_id, seq, key, at, body) VALUES (?, ?, ?, ?, ?)"
AT_ONCE = 40
"""Rows of one statement: for each execution the interpreter's lock is let go and taken again, as for each row of
`executemany`, and the event loop may have it meanwhile."""
INSERT_MANY = INSERT_EVENT + ", (?, ?, ?, ?, ?)" * (AT_ONCE - 1)
LOG_ANYWAY = f"INSERT INTO event(run_id, seq, key, at, body) SELECT :run_id, {NEXT_SEQ}, :key, :at, :body RETURNING seq"
"""For what needs no lease: the caller has just checked the run's row in the same transaction."""


TAKE = (
    f"UPDATE run SET worker = ?, fence = fence + 1, build = ?, updated = {NOW}, suspect = 1, due = NULL, "
    "status = CASE WHEN EXISTS "
    f"(SELECT 1 FROM question q WHERE q.run_id = run.id AND q.value IS NULL AND (q.due IS NULL OR q.due > {NOW})) "
    f"THEN 'waiting' ELSE 'running' END WHERE id = ? RETURNING {COLUMNS}, {DETAILS}"
)
"""A run whose only open questions are past their deadline is about to work."""
TAKE_ANSWER = (
    "UPDATE question SET value = :value, ord = CASE WHEN EXISTS "
    f"(SELECT 1 FROM run WHERE {OWNED} AND worker IS NOT NULL) THEN :ord END "
    f"WHERE run_id = :run_id AND uuid = :uuid AND value IS NULL AND (due IS NULL OR due > {NOW}) "
    f"AND EXISTS (SELECT 1 FROM run WHERE id = :run_id AND {LIVE}) RETURNING ord"
)
"""The place is noted only if the run is driven under this fence: nobody else would look for an answer that has one."""
ACQUIT = f"UPDATE run SET {ACQUITTED} WHERE {OWNED}"
_GOES_ON = (
    "UPDATE run SET updated = :at, status = CASE WHEN worker IS NULL THEN 'ready' "
    f"WHEN {WAITS} THEN 'waiting' ELSE 'running' END"
)
BLANK = (
    f"UPDATE question SET value = '{BLANKED}' WHERE run_id = ? AND value IS NOT NULL AND instr(body, '{HIDDEN}') > 0"
)
GO_ON = f"{_GOES_ON} WHERE id = :run_id"
"""After a question was closed."""
GO_ON_ANSWERED = (
    f"{_GOES_ON}, title = CASE WHEN titled THEN title ELSE COALESCE(:title, title) END, "
    "titled = titled OR :title IS NOT NULL WHERE id = :run_id RETURNING status"
)
"""The same after an answer, which may give the run its title."""
REST = (
    f"UPDATE run SET due = :due, status = CASE WHEN :due IS NOT NULL OR {OPEN_QUESTION} THEN 'waiting' "
    f"ELSE 'running' END WHERE {OWNED} AND worker IS NOT NULL RETURNING 0"
)
PARK = (
    f"UPDATE run SET worker = NULL, due = {DUE_WHEN_PARKED}, {ACQUITTED} WHERE {OWNED} "
    "AND status = 'waiting' AND NOT EXISTS "
    "(SELECT 1 FROM question q WHERE q.run_id = run.id AND q.value IS NOT NULL AND q.ord IS NULL) RETURNING 1"
)
_TAKEN = "SELECT 1 FROM taker, json_each(taker.offers) offer WHERE offer.value = waiting.workflow"
LINES = (
    f"WITH taker AS (SELECT id, offers, takes FROM worker WHERE expires > {NOW}), "
    "waiting(workflow, build, since) AS (SELECT workflow, build, updated FROM run WHERE status = 'ready' UNION ALL "
    "SELECT run.workflow, run.build, COALESCE(worker.expires, run.updated) FROM run "
    f"LEFT JOIN worker ON worker.id = run.worker WHERE run.worker IN ({OWNERS} AND id NOT IN (SELECT id FROM taker))) "
    f"SELECT workflow, build, COUNT(*), MIN(since), EXISTS ({_TAKEN}), EXISTS ({_TAKEN} AND (waiting.build IS NULL "
    "OR takes IS NULL OR waiting.build IN (SELECT value FROM json_each(takes)))) FROM waiting GROUP BY workflow, build"
)
"""The processes are those of one machine, so that one clock tells whose lease is over. Nothing is taken over by it."""
OFFER = (
    "INSERT INTO workflow(name, description, durable, place, build, roles, offered) "
    f"VALUES (:name, :description, :durable, :place, :build, :roles, {NOW}) ON CONFLICT(name) DO UPDATE SET "
    "description = excluded.description, durable = excluded.durable, place = excluded.place, build = excluded.build, "
    "roles = excluded.roles, offered = excluded.offered"
)
FORGET_OFFERS = f"DELETE FROM workflow WHERE offered <= {NOW} - ? AND name NOT IN (SELECT value FROM json_each(?))"
OPEN_QUESTIONS = (
    "SELECT COUNT(*), MIN(event.at) FROM run JOIN question q ON q.run_id = run.id "
    f"JOIN event ON event.run_id = run.id AND event.seq = q.asked WHERE run.{LIVE} AND q.value IS NULL"
)


def fenced(db: sqlite3.Connection, sql: str, args: dict[str, object]) -> int:
    """A write that only the owner may make; returns the first column."""
    row = db.execute(sql, args).fetchone()
    if row is None:
        raise LeaseLost(f"The run {args['run_id']} has another owner, or has ended.")
    value: int = row[0]
    return value


def append_events(db: sqlite3.Connection, lease: Lease, rows: list[tuple[str, float, str]]) -> list[int]:
    """One message of a run, or many: the hot path. One look at the lease, and the numbers that follow."""
    if len(rows) == 1:
        args = dict(zip(("key", "at", "body"), rows[0], strict=True))
        return [fenced(db, APPEND_EVENT, {"run_id": lease.run_id, "fence": lease.fence, **args})]
    last = fenced(db, LAST_SEQ, {"run_id": lease.run_id, "fence": lease.fence})
    numbers = range(last + 1, last + 1 + len(rows))
    numbered = [(lease.run_id, seq, *row) for seq, row in zip(numbers, rows, strict=True)]
    whole = len(numbered) // AT_ONCE * AT_ONCE
    for start in range(0, whole, AT_ONCE):
        db.execute(INSERT_MANY, [*chain.from_iterable(numbered[start : start + AT_ONCE])])
    db.executemany(INSERT_EVENT, numbered[whole:])
    return list(numbers)


def log_anyway(db: sqlite3.Connection, run_id: str, key: str, body: str, at: float) -> StoredEvent:
    row = db.execute(LOG_ANYWAY, {"run_id": run_id, "key": key, "body": body, "at": at}).fetchone()
    return StoredEvent(row[0], at, body)


def placing(place: Place | None) -> dict[str, object]:
    """What `TAKE_ANSWER` is told of a place; of none, or under a void lease: a fence that no run has."""
    if place is None or place.lease.void:
        return {"fence": None, "ord": None}
    return {"fence": place.lease.fence, "ord": place.order}


def get_run(db: sqlite3.Connection, run_id: str) -> RunRecord | None:
    row = db.execute(GET_RUN, (run_id,)).fetchone()
    return record(row) if row else None


def take(db: sqlite3.Connection, run_id: str, worker: str, build: str | None) -> RunRecord | None:
    row = db.execute(TAKE, (worker, build, run_id)).fetchone()
    return record(row) if row else None


def record(row: tuple[object, ...]) -> RunRecord:
    values = list(row)
    values[4] = RunStatus(str(values[4]))
    values[7], values[14] = bool(values[7]), bool(values[14])
    values[-1] = tuple(json.loads(str(values[-1])))
    return RunRecord(*values)  # type: ignore[arg-type]
