"""Copies the beginning of a run's log into a run of its own; `store/fork.py` says what of it."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple

from fastagency_backend.store.fork import Question, copy_log

COPY_RUN = (
    "INSERT INTO run(id, workflow, params, user_id, status, title, titled, durable, created, updated, key_version, "
    "build, started_by, parent) SELECT :new, workflow, params, user_id, 'waiting', title, titled, durable, :at, :at, "
    "key_version, build, started_by, id "
    "FROM run WHERE id = :source"
)


def fork(db: sqlite3.Connection, source: str, before: str, new: str, at: float) -> bool:
    """Make the run `new`; false if `source` never asked the question `before`."""
    rows = db.execute(
        "SELECT uuid, key, asked, body, value, ord, due, expired FROM question WHERE run_id = ?", (source,)
    )
    questions = [Question(*row) for row in rows]
    here = next((question for question in questions if question.uuid == before), None)
    if here is None:
        return False
    found = db.execute(
        "SELECT seq, key, at, body FROM event WHERE run_id = ? AND seq <= ? ORDER BY seq", (source, here.asked)
    ).fetchall()
    events, asked = copy_log(source, new, here, found, questions)
    db.execute(COPY_RUN, {"new": new, "source": source, "at": at})
    db.executemany(
        "INSERT INTO event(run_id, seq, key, at, body) VALUES (?, ?, ?, ?, ?)", [(new, *event) for event in events]
    )
    db.executemany(
        "INSERT INTO question(run_id, uuid, key, asked, body, value, ord, due, expired) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(new, *astuple(question)) for question in asked],
    )
    db.execute(
        "INSERT INTO step(run_id, key, ord, value, asked) "
        "SELECT ?, key, ord, value, asked FROM step WHERE run_id = ? AND (? IS NULL OR ord < ?)",
        (new, source, here.order, here.order),
    )
    return True
