"""Copies the beginning of a run's log into a run of its own; `store/fork.py` says what of it."""

from __future__ import annotations

from dataclasses import astuple

from psycopg import errors

from fastagency_backend.store.base import RunRecord
from fastagency_backend.store.fork import Event, Question, copy_log
from fastagency_backend.store.postgres.failure import is_missing_partition
from fastagency_backend.store.postgres.partition import make_ahead
from fastagency_backend.store.postgres.pool import Connection
from fastagency_backend.store.postgres.query import get_run

_COPY_RUN = (
    "INSERT INTO run(id, workflow, params, user_id, status, title, titled, durable, created, updated, key_version, "
    "parent, build, started_by, last_seq) SELECT %(new)s, workflow, params, user_id, 'waiting', title, titled, "
    "durable, %(at)s, %(at)s, key_version, id, build, started_by, %(last_seq)s FROM run WHERE id = %(source)s "
    "RETURNING number"
)


def fork(db: Connection, source: str, before: str, new: str, at: float) -> RunRecord | None:
    """Make the run `new`. None: `source` never asked the question `before`."""
    try:
        return _fork(db, source, before, new, at)
    except errors.CheckViolation as error:
        if not is_missing_partition(error):
            raise
        make_ahead(db)
        return _fork(db, source, before, new, at)


def _fork(db: Connection, source: str, before: str, new: str, at: float) -> RunRecord | None:
    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        found = db.execute("SELECT number FROM run WHERE id = %s", (source,)).fetchone()
        number = found[0] if found is not None else None
        rows = db.execute(
            "SELECT uuid, key, asked, body, value, ord, due, expired FROM question WHERE run = %s", (number,)
        )
        questions = [Question(*row) for row in rows]
        here = next((question for question in questions if question.uuid == before), None)
        if here is None:
            return None
        old = db.execute(
            "SELECT seq, key, at, body FROM event WHERE run = %s AND seq <= %s ORDER BY seq", (number, here.asked)
        ).fetchall()
        events, asked = copy_log(source, new, here, old, questions)
        args = {"new": new, "source": source, "at": at, "last_seq": len(events)}
        copied = db.execute(_COPY_RUN, args).fetchone()
        assert copied is not None
        _write(db, copied[0], events, asked)
        db.execute(
            "INSERT INTO step(run, key, ord, value, asked) SELECT %(new)s, key, ord, value, asked FROM step "
            "WHERE run = %(old)s AND (%(until)s::bigint IS NULL OR ord < %(until)s)",
            {"new": copied[0], "old": number, "until": here.order},
        )
    return get_run(db, new)


def _write(db: Connection, number: int, events: list[Event], asked: list[Question]) -> None:
    with db.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO event(run, seq, key, at, body) VALUES (%s, %s, %s, %s, %s)",
            [(number, *event) for event in events],
        )
        moments = {seq: at for seq, _, at, _ in events}
        cursor.executemany(
            "INSERT INTO question(run, at, uuid, key, asked, body, value, ord, due, expired) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [(number, moments[question.asked], *astuple(question)) for question in asked],
        )
