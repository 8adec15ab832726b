"""What is read from the embedded store: each function takes a connection and changes nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

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
from fastagency_backend.store.sqlite.claim import NEXT_DUE
from fastagency_backend.store.sqlite.liveness import NOW
from fastagency_backend.store.sqlite.near import TooMuch
from fastagency_backend.store.sqlite.sql import COLUMNS, DETAILS, LINES, LISTED, LIVE, OPEN_QUESTIONS, get_run, record

FEW_RUNS, FEW_EVENTS, FEW_CHARS = 50, 50, 50_000


def census(db: sqlite3.Connection) -> Census:
    counts = db.execute("SELECT status, worker IS NULL, COUNT(*) FROM run GROUP BY 1, 2").fetchall()
    runs = {each: sum(count for status, _, count in counts if status == each) for each in RunStatus}
    parked = sum(count for status, alone, count in counts if status == RunStatus.WAITING and alone)
    questions, oldest = db.execute(OPEN_QUESTIONS).fetchone()
    return Census(runs, questions, oldest, parked)


def lines(db: sqlite3.Connection) -> list[Line]:
    return in_lines(db.execute(LINES))


def catalogue(db: sqlite3.Connection) -> list[Offer]:
    rows = db.execute("SELECT name, description, durable, build, roles FROM workflow ORDER BY place, name")
    return [Offer.of_row(*row) for row in rows]


def now(db: sqlite3.Connection) -> float:
    return float(db.execute(f"SELECT {NOW}").fetchone()[0])


def list_runs(
    db: sqlite3.Connection,
    user_id: str | Everybody | None,
    *,
    limit: int,
    before: str | None,
    statuses: Sequence[RunStatus],
    workflow: str | None,
) -> list[RunRecord]:
    if user_id is EVERYBODY:  # in the order of their creation, for which there is no other index
        where, order, args = "1", "rowid", []
    else:
        where, order, args = "user_id IS ?", "created, id", [user_id]
    if before is not None:
        where += f" AND ({order}) < (SELECT {order} FROM run WHERE id = ? AND {where})"
        args += [before, *args]
    if statuses:
        where += " AND status IN (SELECT value FROM json_each(?))"
        args.append(json.dumps(list(statuses)))
    if workflow is not None:
        where += " AND workflow = ?"
        args.append(workflow)
    sql = f"SELECT {LISTED} FROM run WHERE {where} ORDER BY {order.replace(',', ' DESC,')} DESC LIMIT ?"
    return [record(row) for row in db.execute(sql, (*args, limit))]


def count_at_work(db: sqlite3.Connection, user_id: str) -> int:
    sql = "SELECT COUNT(*) FROM run WHERE COALESCE(user_id, '') = ? AND status = 'running' AND worker IS NOT NULL"
    return int(db.execute(sql, (user_id,)).fetchone()[0])


def walk_runs(db: sqlite3.Connection, *, after: str, limit: int, ended: bool) -> list[RunRecord]:
    rows = db.execute(
        f"SELECT {COLUMNS}, {DETAILS} FROM run WHERE id > ? {'' if ended else f'AND {LIVE}'} ORDER BY id LIMIT ?",
        (after, limit),
    )
    return [record(row) for row in rows]


def heads(db: sqlite3.Connection, run_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    sql = (
        "SELECT id, (SELECT COALESCE(MAX(seq), 0) FROM event WHERE run_id = run.id), status || ' ' || title "
        "FROM run WHERE id IN (SELECT value FROM json_each(?))"
    )
    return {row[0]: (row[1], row[2]) for row in db.execute(sql, (json.dumps(list(run_ids)),))}


def owned_runs(db: sqlite3.Connection, worker: str, among: Sequence[str] | None) -> dict[str, Owned]:
    where = "" if among is None else " AND id IN (SELECT value FROM json_each(?))"
    rows = db.execute(
        f"SELECT id, fence, (SELECT COALESCE(MAX(seq), 0) FROM event WHERE run_id = run.id) FROM run "
        f"WHERE worker = ?{where}",
        (worker,) if among is None else (worker, json.dumps(among)),
    )
    return {run_id: Owned(fence, last_seq) for run_id, fence, last_seq in rows}


def next_due(db: sqlite3.Connection) -> float | None:
    due_s: float | None = db.execute(NEXT_DUE).fetchone()[0]
    return due_s


def load_log(db: sqlite3.Connection, run_id: str) -> RunLog:
    with _one_moment(db):
        steps = db.execute("SELECT key, ord, value FROM step WHERE run_id = ?", (run_id,)).fetchall()
        asked = "SELECT key, uuid, value, ord, due FROM question WHERE run_id = ? ORDER BY asked"
        questions = db.execute(asked, (run_id,)).fetchall()
        keys = db.execute("SELECT key FROM event WHERE run_id = ?", (run_id,)).fetchall()
    return RunLog(
        steps={key: StepRecord(order, value) for key, order, value in steps},
        questions={key: QuestionRecord(*values) for key, *values in questions},
        event_keys=frozenset(row[0] for row in keys),
    )


def load_past(db: sqlite3.Connection, run_id: str) -> Past:
    asked = db.execute("SELECT key, asked FROM step WHERE run_id = ?", (run_id,)).fetchall()
    said = db.execute("SELECT key, body FROM event WHERE run_id = ?", (run_id,)).fetchall()
    return Past(dict(asked), dict(said))


def read_answer(db: sqlite3.Connection, run_id: str, uuid: str) -> str | None:
    row = db.execute("SELECT value FROM question WHERE run_id = ? AND uuid = ?", (run_id, uuid)).fetchone()
    return row[0] if row else None


def has_expired(db: sqlite3.Connection, run_id: str, uuid: str) -> bool:
    sql = f"SELECT 1 FROM question WHERE run_id = ? AND uuid = ? AND (expired OR (value IS NULL AND due <= {NOW}))"
    return db.execute(sql, (run_id, uuid)).fetchone() is not None


def read_events(
    db: sqlite3.Connection,
    run_id: str,
    *,
    after: int,
    limit: int,
    before: int | None,
    max_bytes: int,
    few: bool = False,
) -> EventPage:
    """A page of a run's events. Raises `TooMuch` if they are to be `few`, and are not."""
    with _one_moment(db):
        run = get_run(db, run_id)
        if run is None:
            return EventPage(None, ())
        if before is None:
            sql = "SELECT seq, at, body FROM event WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?"
            found = db.execute(sql, (run_id, after, limit + 1))
        else:
            sql = "SELECT seq, at, body FROM event WHERE run_id = ? AND seq > ? AND seq < ? ORDER BY seq DESC LIMIT ?"
            found = db.execute(sql, (run_id, after, before, limit + 1))
        events, more = _page(found, limit, max_bytes, few=few)
    if before is not None:
        events.reverse()
    return EventPage(run, tuple(events), more=more)


def _page(rows: sqlite3.Cursor, limit: int, max_bytes: int, *, few: bool) -> tuple[list[StoredEvent], bool]:
    """Rows as far as there is room, and whether more follow. A cursor left open would keep the file's state."""
    taken: list[StoredEvent] = []
    chars = 0
    with closing(rows):
        for row in rows:
            chars += len(row[2])
            if len(taken) == limit or (taken and chars > max_bytes):
                return taken, True
            taken.append(StoredEvent(*row))
            if few and (len(taken) > FEW_EVENTS or chars > FEW_CHARS):
                raise TooMuch(f"More than {len(taken) - 1} events, or {chars} characters of them")
    return taken, False


@contextmanager
def _one_moment(db: sqlite3.Connection) -> Iterator[None]:
    """Around several reads that must see the same state of the file."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
