"""What is read from PostgreSQL: each function takes a connection and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastagency_shared.run import RunStatus

from fastagency_backend.store.base import (
    EVERYBODY,
    Census,
    EventPage,
    Everybody,
    Past,
    QuestionRecord,
    RunLog,
    RunRecord,
    StepRecord,
    StoredEvent,
)
from fastagency_backend.store.dispatch import Line, Offer, Owned, in_lines
from fastagency_backend.store.postgres.pool import Connection
from fastagency_backend.store.postgres.sql import LISTED, LIVE, NOW, OWNERS, RECORD, Row, record

_OF_RUN = "run = (SELECT number FROM run WHERE id = %s)"
_EVENTS = (
    f"SELECT {RECORD}, e.found, e.seqs, e.ats, e.bodies FROM run LEFT JOIN LATERAL (SELECT count(*) AS found, "
    "array_agg(seq ORDER BY place) FILTER ({fits}) AS seqs, array_agg(at ORDER BY place) FILTER ({fits}) AS ats, "
    "array_agg(body ORDER BY place) FILTER ({fits}) AS bodies FROM (SELECT seq, at, body, "
    "row_number() OVER ({order}) AS place, sum(octet_length(body)) OVER ({order}) AS bytes FROM (SELECT seq, at, body "
    "FROM event WHERE event.run = run.number AND seq > %(after)s {bound} {order} LIMIT %(limit)s + 1) span {order}) "
    "page) e ON true WHERE run.id = %(run_id)s"
)
"""The run and its events in one statement, so that both are of one moment; a body's length is known without it."""
_FITS = "WHERE place <= %(limit)s AND (place = 1 OR bytes <= %(max_bytes)s)"
_AFTER = _EVENTS.format(fits=_FITS, bound="", order="ORDER BY seq")
_BEFORE = _EVENTS.format(fits=_FITS, bound="AND seq < %(before)s", order="ORDER BY seq DESC")
_TAKEN = "SELECT 1 FROM taker WHERE r.workflow = ANY(taker.workflows)"
_LINES = (
    f"WITH taker AS (SELECT id, workflows, takes FROM worker WHERE expires > {NOW}), "
    "waiting AS (SELECT workflow, build, updated AS since FROM run WHERE status = 'ready' UNION ALL "
    "SELECT run.workflow, run.build, COALESCE(worker.expires, run.updated) FROM run "
    "LEFT JOIN worker ON worker.id = run.worker WHERE run.worker = ANY(ARRAY("
    f"{OWNERS} AND NOT EXISTS (SELECT 1 FROM taker WHERE taker.id = owner.id)))) "
    f"SELECT r.workflow, r.build, r.runs, r.since, EXISTS ({_TAKEN}), EXISTS ({_TAKEN} AND (r.build IS NULL "
    "OR taker.takes IS NULL OR r.build = ANY(taker.takes))) FROM (SELECT workflow, build, count(*) AS runs, "
    "min(since) AS since FROM waiting GROUP BY workflow, build) r"
)
"""When a lease was over is told by the server's clock alone. Nothing is taken over by it."""
NEXT_DUE = f"SELECT min(due) - {NOW} FROM run WHERE status = 'waiting' AND worker IS NULL AND due IS NOT NULL"


def get_run(db: Connection, run_id: str) -> RunRecord | None:
    row = db.execute(f"SELECT {RECORD} FROM run WHERE id = %s", (run_id,)).fetchone()
    return record(row) if row is not None else None


def census(db: Connection) -> Census:
    counts, (questions,) = one_moment(
        db,
        ("SELECT status, worker IS NULL, count(*) FROM run GROUP BY 1, 2", ()),
        (
            "SELECT count(*), min(question.at) FROM question JOIN run ON run.number = question.run "
            f"WHERE value IS NULL AND run.{LIVE}",
            (),
        ),
    )
    runs = {each: sum(count for status, _, count in counts if status == each) for each in RunStatus}
    parked = sum(count for status, alone, count in counts if status == RunStatus.WAITING and alone)
    return Census(runs, questions[0], questions[1], parked)


def lines(db: Connection) -> list[Line]:
    return in_lines(db.execute(_LINES))


def catalogue(db: Connection) -> list[Offer]:
    sql = "SELECT name, description, durable, build, roles FROM workflow ORDER BY place, name"
    return [Offer.of_row(*row) for row in db.execute(sql)]


def space(db: Connection) -> str:
    """What the database calls its service: two services may share what carries their signals."""
    return str(_first(db, "SELECT space FROM service"))


def now(db: Connection) -> float:
    return float(_first(db, f"SELECT {NOW}"))


def next_due(db: Connection) -> float | None:
    due_s: float | None = _first(db, NEXT_DUE)
    return due_s


def list_runs(
    db: Connection,
    user_id: str | Everybody | None,
    *,
    limit: int,
    before: str | None,
    statuses: Sequence[RunStatus],
    workflow: str | None,
) -> list[RunRecord]:
    # Statements of their own for everybody, nobody and somebody: IS NOT DISTINCT FROM uses no index.
    if user_id is EVERYBODY:
        where, order = "true", "number"
    else:
        where, order = "user_id IS NULL" if user_id is None else "user_id = %(user_id)s", "created, id"
    if before is not None:
        mine = where
        where += f" AND ({order}) < (SELECT {order} FROM run WHERE id = %(before)s AND {mine})"
    if statuses:
        where += " AND status = ANY(%(statuses)s)"
    if workflow is not None:
        where += " AND workflow = %(workflow)s"
    sql = f"SELECT {LISTED} FROM run WHERE {where} ORDER BY {order.replace(',', ' DESC,')} DESC LIMIT %(limit)s"
    args = {
        "user_id": None if user_id is EVERYBODY else user_id,
        "before": before,
        "statuses": [str(status) for status in statuses],
        "workflow": workflow,
        "limit": limit,
    }
    return [record(row) for row in db.execute(sql, args)]


def count_at_work(db: Connection, user_id: str) -> int:
    sql = "SELECT count(*) FROM run WHERE COALESCE(user_id, '') = %s AND status = 'running' AND worker IS NOT NULL"
    return int(_first(db, sql, user_id))


def walk_runs(db: Connection, *, after: str, limit: int, ended: bool) -> list[RunRecord]:
    sql = f"SELECT {RECORD} FROM run WHERE id > %s {'' if ended else f'AND {LIVE}'} ORDER BY id LIMIT %s"
    return [record(row) for row in db.execute(sql, (after, limit))]


def heads(db: Connection, run_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    sql = "SELECT id, last_seq, status || ' ' || title FROM run WHERE id = ANY(%s)"
    return {row[0]: (row[1], row[2]) for row in db.execute(sql, (list(run_ids),))}


def owned_runs(db: Connection, worker: str, among: Sequence[str] | None) -> dict[str, Owned]:
    sql = "SELECT id, fence, last_seq FROM run WHERE worker = %(worker)s"
    if among is not None:
        sql += " AND id = ANY(%(among)s)"
    rows = db.execute(sql, {"worker": worker, "among": among})
    return {run_id: Owned(fence, last_seq) for run_id, fence, last_seq in rows}


def load_log(db: Connection, run_id: str) -> RunLog:
    steps, questions, keys = one_moment(
        db,
        (f"SELECT key, ord, value FROM step WHERE {_OF_RUN}", (run_id,)),
        (f"SELECT key, uuid, value, ord, due FROM question WHERE {_OF_RUN} ORDER BY asked", (run_id,)),
        (f"SELECT key FROM event WHERE {_OF_RUN}", (run_id,)),
    )
    return RunLog(
        steps={key: StepRecord(order, value) for key, order, value in steps},
        questions={key: QuestionRecord(*values) for key, *values in questions},
        event_keys=frozenset(row[0] for row in keys),
    )


def load_past(db: Connection, run_id: str) -> Past:
    asked, said = one_moment(
        db,
        (f"SELECT key, asked FROM step WHERE {_OF_RUN}", (run_id,)),
        (f"SELECT key, body FROM event WHERE {_OF_RUN} ORDER BY seq", (run_id,)),
    )
    return Past(dict(map(tuple, asked)), dict(map(tuple, said)))


def read_answer(db: Connection, run_id: str, uuid: str) -> str | None:
    value: str | None = _first(db, f"SELECT value FROM question WHERE {_OF_RUN} AND uuid = %s", run_id, uuid)
    return value


def has_expired(db: Connection, run_id: str, uuid: str) -> bool:
    sql = f"SELECT 1 FROM question WHERE {_OF_RUN} AND uuid = %s AND (expired OR (value IS NULL AND due <= {NOW}))"
    return _first(db, sql, run_id, uuid) is not None


def read_events(
    db: Connection, run_id: str, *, after: int, limit: int, before: int | None, max_bytes: int
) -> EventPage:
    args = {"run_id": run_id, "after": after, "limit": limit, "before": before, "max_bytes": max_bytes}
    row = db.execute(_AFTER if before is None else _BEFORE, args).fetchone()
    if row is None:
        return EventPage(None, ())
    *run, found, seqs, ats, bodies = row
    events = [StoredEvent(*each) for each in zip(seqs or (), ats or (), bodies or (), strict=True)]
    if before is not None:
        events.reverse()
    return EventPage(record(run), tuple(events), more=found > len(events))


def one_moment(db: Connection, *statements: tuple[str, tuple[Any, ...]]) -> list[list[Row]]:
    """The rows of several statements that see the same state, in one round trip."""
    with db.pipeline():
        db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursors = [db.execute(sql, args) for sql, args in statements]
        db.execute("COMMIT")
    return [cursor.fetchall() for cursor in cursors]


def _first(db: Connection, sql: str, *args: Any) -> Any:
    row = db.execute(sql, args).fetchone()
    return row[0] if row is not None else None
