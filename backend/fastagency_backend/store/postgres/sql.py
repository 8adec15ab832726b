"""The statements for one run that a lane carries out: each an `Operation`, fenced and committed with others in a batch.

A batch locks the rows of its runs, in order of their ids, in a statement of its own before any of these. That does two
things under READ COMMITTED: two batches cannot wait for each other, and each statement here has a snapshot that is
newer than the locks, so that what it reads of `question` is not stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastagency_shared.run import RunStatus

from fastagency_backend.store.base import (
    BLANKED,
    HIDDEN,
    LISTED_CHARS,
    LISTED_QUESTION_CHARS,
    LISTED_QUESTIONS,
    Answered,
    LeaseLost,
    Place,
    RunRecord,
    StoredEvent,
)

Row = Sequence[Any]
Args = Mapping[str, Any]

NOW = "extract(epoch FROM clock_timestamp())::float8"
LIVE = "status IN ('ready', 'running', 'waiting')"
OWNED = "id = %(run_id)s AND fence = %(fence)s AND status IN ('running', 'waiting')"
ACQUITTED = "attempts = 0, suspect = false, blamed = false"
OPEN = "q.run = run.number AND q.value IS NULL"
ONE_BY_ONE = "OFFSET 0"
"""In an EXISTS: look at each run by itself. Else, taking a hundred runs for likely, the planner reads all questions."""
TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer"
"""A file of the log of a server is named by its timeline, in hexadecimal digits, first of all."""
EPOCH = f"(SELECT greatest(0, {TIMELINE} - timeline) FROM service)"
_RECORD = (
    "run.id, run.workflow, {params}, run.user_id, run.status, run.title, {result}, run.durable, run.worker, "
    "run.fence, run.created, run.updated, run.key_version, run.attempts, run.blamed, run.parent, run.build, "
    "run.started_by, run.last_seq, "
    f"CASE WHEN run.{LIVE} THEN ARRAY(SELECT q.body FROM question q WHERE {OPEN} {{few}}) "
    f"ELSE ARRAY[]::text[] END, {EPOCH}"
)
RECORD = _RECORD.format(params="run.params", result="run.result", few="ORDER BY q.asked")
LISTED = _RECORD.format(
    params="'{}'",
    result=f"left(run.result, {LISTED_CHARS})",
    few=f"AND length(q.body) <= {LISTED_QUESTION_CHARS} ORDER BY q.asked LIMIT {LISTED_QUESTIONS}",
)
OWNERS = (
    "WITH RECURSIVE owner(id) AS (SELECT min(worker) FROM run WHERE worker IS NOT NULL UNION ALL "
    "SELECT (SELECT min(worker) FROM run WHERE worker IS NOT NULL AND worker > owner.id) FROM owner "
    "WHERE owner.id IS NOT NULL) SELECT id FROM owner WHERE id IS NOT NULL"
)
"""Who owns runs, by steps through the index."""
LOCK = "SELECT 1 FROM run WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE"

_EVENT = (
    "INSERT INTO event(run, seq, key, at, body) SELECT number, last_seq, {key}, %(at)s, %(body)s FROM r RETURNING seq"
)
_WAITS_ELSE = (
    "CASE WHEN worker IS NULL THEN 'ready' WHEN due IS NOT NULL OR EXISTS "
    f"(SELECT 1 FROM question q WHERE {OPEN} AND q.uuid <> %(uuid)s {ONE_BY_ONE}) THEN 'waiting' ELSE 'running' END"
)
"""The status once a question is closed: in the same statement it still looks open."""
_BLANK = (
    f"b AS (UPDATE question SET value = '{BLANKED}' FROM r WHERE question.run = r.number AND value IS NOT NULL "
    f"AND position('{HIDDEN}' IN body) > 0)"
)
_LOGGED = (
    "SELECT seq FROM event WHERE run = (SELECT number FROM run WHERE id = %(run_id)s) "
    "AND at = %(at)s AND body = %(body)s ORDER BY seq DESC LIMIT 1"
)
"""What was written can be told by its moment and its text."""


def record(row: Row) -> RunRecord:
    values = list(row)
    values[4], values[-2] = RunStatus(values[4]), tuple(values[-2])
    return RunRecord(*values)


def lease_lost(run_id: str) -> LeaseLost:
    return LeaseLost(f"The run {run_id} has another owner, or has ended.")


def _first_or_lost(rows: list[Row], args: Args) -> Any:
    if not rows:
        raise lease_lost(args["run_id"])
    return rows[0][0]


def _first_or_none(rows: list[Row], _args: Args) -> Any:
    return rows[0][0] if rows else None


def _answered(rows: list[Row], args: Args) -> Answered | None:
    if not rows:
        return None
    seq, status, placed = rows[0]
    return Answered(StoredEvent(seq, args["at"], args["body"]), RunStatus(status), placed=bool(placed))


def placing(place: Place | None, epoch: int) -> dict[str, Any]:
    """What `ANSWER` is told of a place; of none, or under a lease that is void: a fence that no run has."""
    if place is None or place.lease.void or place.lease.epoch != epoch:
        return {"fence": None, "order": None}
    return {"fence": place.lease.fence, "order": place.order}


def _row_or_none(rows: list[Row], _args: Args) -> Row | None:
    return rows[0] if rows else None


def _any(rows: list[Row], _args: Args) -> bool:
    return bool(rows)


def _record_or_none(rows: list[Row], _args: Args) -> RunRecord | None:
    return record(rows[0]) if rows else None


def _never(_result: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """A statement, what its rows mean, and how to find them again when the reply to a commit was lost.

    A result of None means that nothing was changed. `tells`: whether those who watch the run want to know otherwise;
    `readies`: whether, by the result, those who claim runs do.
    """

    sql: str
    read: Callable[[list[Row], Args], Any]
    found: str
    tells: bool = True
    readies: Callable[[Any], bool] = _never


CREATE = Operation(
    "WITH w AS (SELECT id FROM worker WHERE id = %(worker)s FOR KEY SHARE SKIP LOCKED), "
    "r AS (INSERT INTO run(id, workflow, params, user_id, status, title, durable, created, updated, key_version, "
    "worker, fence, last_seq, suspect, build, started_by) SELECT %(run_id)s, %(workflow)s, %(params)s, %(user_id)s, "
    "CASE WHEN w.id IS NULL THEN 'ready' ELSE 'running' END, %(title)s, %(durable)s, %(at)s, %(at)s, %(key_version)s, "
    "w.id, n, n, n = 1, CASE WHEN n = 1 THEN %(build)s END, %(started_by)s "
    "FROM (SELECT count(*) AS n, min(id) AS id FROM w) w "
    "ON CONFLICT(id) DO NOTHING RETURNING number, worker, last_seq), "
    "e AS (INSERT INTO event(run, seq, key, at, body) SELECT number, 1, %(key)s, %(at)s, %(body)s FROM r "
    f"WHERE worker IS NOT NULL) SELECT number, worker, {EPOCH} FROM r",
    _row_or_none,
    f"SELECT number, worker, {EPOCH} FROM run WHERE id = %(run_id)s AND created = %(at)s AND workflow = %(workflow)s "
    "AND params = %(params)s AND user_id IS NOT DISTINCT FROM %(user_id)s",
    readies=lambda row: row[1] is None,
)
"""The worker's row is held until the commit: whoever deletes it comes first, or finds the run."""
RENAME = Operation(
    f"UPDATE run SET title = %(title)s, titled = true, updated = %(at)s WHERE id = %(run_id)s RETURNING {RECORD}",
    _record_or_none,
    f"SELECT {RECORD} FROM run WHERE id = %(run_id)s",
)
DELETE = Operation(
    "WITH gone AS (DELETE FROM run WHERE id = %(run_id)s RETURNING number) "
    "INSERT INTO garbage(run) SELECT number FROM gone RETURNING run",
    _first_or_none,
    "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM run WHERE id = %(run_id)s)",
)
ASK = Operation(
    f"WITH r AS (UPDATE run SET last_seq = last_seq + 1, status = 'waiting', updated = %(at)s, {ACQUITTED} "
    f"WHERE {OWNED} RETURNING number, last_seq), e AS ({_EVENT.format(key='%(key)s')}) "
    "INSERT INTO question(run, uuid, key, asked, at, body, due) "
    "SELECT number, %(uuid)s, %(key)s, last_seq, %(at)s, %(body)s, %(due)s FROM r RETURNING asked",
    _first_or_lost,
    _LOGGED,
)
EXPIRE = Operation(
    f"WITH o AS (SELECT number FROM run WHERE {OWNED}), "
    "c AS (UPDATE question SET value = %(value)s, expired = true FROM o "
    "WHERE question.run = o.number AND uuid = %(uuid)s AND value IS NULL RETURNING run), "
    f"r AS (UPDATE run SET last_seq = last_seq + 1, updated = %(at)s, status = {_WAITS_ELSE} FROM c "
    "WHERE run.number = c.run RETURNING number, last_seq), "
    f"e AS ({_EVENT.format(key='%(key)s')}) SELECT (SELECT seq FROM e) FROM o",
    _first_or_lost,
    f"SELECT ({_LOGGED}) FROM run WHERE id = %(run_id)s",
)
REST = Operation(
    "UPDATE run SET due = %(due)s, status = CASE WHEN %(due)s::float8 IS NOT NULL OR EXISTS "
    f"(SELECT 1 FROM question q WHERE {OPEN}) THEN 'waiting' ELSE 'running' END "
    f"WHERE {OWNED} AND worker IS NOT NULL RETURNING 0",
    _first_or_lost,
    f"SELECT 0 FROM run WHERE {OWNED} AND worker IS NOT NULL AND due IS NOT DISTINCT FROM %(due)s",
)
PARK = Operation(
    "UPDATE run SET worker = NULL, due = LEAST(due, (SELECT min(q.due) FROM question q WHERE "
    f"{OPEN})), {ACQUITTED} WHERE {OWNED} AND status = 'waiting' AND NOT EXISTS "
    f"(SELECT 1 FROM question q WHERE q.run = run.number AND q.value IS NOT NULL AND q.ord IS NULL {ONE_BY_ONE}) "
    "RETURNING due IS NOT NULL",
    _first_or_none,
    "SELECT due IS NOT NULL FROM run WHERE id = %(run_id)s AND (fence <> %(fence)s OR worker IS NULL)",
    tells=False,
    readies=bool,
)
"""Its result: whether the run will be due at some time, which others have to know who wait for such moments."""
FINISH = Operation(
    "WITH r AS (UPDATE run SET last_seq = last_seq + 1, status = %(status)s, result = %(result)s, worker = NULL, "
    f"updated = %(at)s WHERE {OWNED} RETURNING number, last_seq), {_BLANK} {_EVENT.format(key='%(key)s')}",
    _first_or_lost,
    _LOGGED,
)
ANSWER = Operation(
    "WITH c AS (UPDATE question SET value = %(value)s, ord = CASE WHEN run.fence = %(fence)s::bigint "
    "AND run.worker IS NOT NULL THEN %(order)s::bigint END FROM run WHERE run.id = %(run_id)s "
    "AND question.run = run.number AND uuid = %(uuid)s AND value IS NULL "
    f"AND (question.due IS NULL OR question.due > {NOW}) AND run.{LIVE} RETURNING question.run, question.ord), "
    f"r AS (UPDATE run SET last_seq = last_seq + 1, updated = %(at)s, status = {_WAITS_ELSE}, "
    "title = CASE WHEN titled OR %(title)s::text IS NULL THEN title ELSE %(title)s END, "
    "titled = titled OR %(title)s::text IS NOT NULL FROM c WHERE run.number = c.run "
    "RETURNING number, last_seq, status, c.ord), "
    f"e AS ({_EVENT.format(key='%(key)s')}) SELECT last_seq, status, ord IS NOT NULL FROM r",
    _answered,
    "SELECT e.seq, run.status, q.ord = %(order)s::bigint FROM run JOIN question q ON q.run = run.number "
    f"CROSS JOIN ({_LOGGED}) e WHERE run.id = %(run_id)s AND q.uuid = %(uuid)s",
    readies=lambda answered: answered.status is RunStatus.READY,
)
"""The place is noted only if the run is driven under this fence: nobody else would look for an answer that has one."""
RETRY = Operation(
    "WITH r AS (UPDATE run SET last_seq = last_seq + 1, status = 'ready', result = NULL, updated = %(at)s, "
    f"{ACQUITTED} WHERE id = %(run_id)s AND status = 'failed' RETURNING number, last_seq, fence) "
    + _EVENT.format(key="'resumed:' || fence"),
    _first_or_none,
    _LOGGED,
    readies=lambda _seq: True,
)
CANCEL = Operation(
    "WITH r AS (UPDATE run SET last_seq = last_seq + 1, status = 'cancelled', worker = NULL, fence = fence + 1, "
    f"updated = %(at)s WHERE id = %(run_id)s AND {LIVE} RETURNING number, last_seq), "
    f"{_BLANK} {_EVENT.format(key='%(key)s')}",
    _first_or_none,
    _LOGGED,
)
PROBE = Operation(
    "INSERT INTO probe(id, data) VALUES (%(run_id)s, repeat('x', %(size)s)) "
    "ON CONFLICT(id) DO UPDATE SET data = EXCLUDED.data RETURNING 0",
    _any,
    "SELECT 0",
    tells=False,
)
PASS = Operation("SELECT 0", _any, "SELECT 0", tells=False)
"""Done once everything that was handed over before it is."""
