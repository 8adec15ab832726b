"""Creates runs. Used in the thread that writes."""

from __future__ import annotations

import sqlite3

from fastagency_shared.run import RunStatus

from fastagency_backend.store.base import NewRun, RunRecord, Start
from fastagency_backend.store.sqlite.sql import get_run
from fastagency_backend.store.sqlite.sweep import clear

_CREATE = (
    "INSERT INTO run(id, workflow, params, user_id, status, title, durable, created, updated, key_version, worker, "
    "fence, suspect, build, started_by) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?11, ?12, ?13) "
    "ON CONFLICT(id) DO NOTHING"
)
_BEGIN_LOG = "INSERT INTO event(run_id, seq, key, at, body) VALUES (?, 1, ?, ?, ?)"


def create(db: sqlite3.Connection, new: NewRun, start: Start | None) -> tuple[RunRecord, bool]:
    """See `Store.create_run`; the lease of the worker in `start` is good."""
    clear(db, new.id)
    status, worker, fence = (RunStatus.READY, None, 0) if start is None else (RunStatus.RUNNING, start.worker, 1)
    build = None if start is None else start.build
    row = (new.id, new.workflow, new.params, new.user_id, status.value, new.title, new.durable, new.at)
    if not db.execute(_CREATE, (*row, new.key_version, worker, fence, build, new.started_by)).rowcount:
        there = get_run(db, new.id)
        assert there is not None
        return there, False
    if start is not None:
        db.execute(_BEGIN_LOG, (new.id, start.key, new.at, start.body))
    record = RunRecord(
        id=new.id,
        workflow=new.workflow,
        params=new.params,
        user_id=new.user_id,
        status=status,
        title=new.title,
        result=None,
        durable=new.durable,
        worker=worker,
        fence=fence,
        created=new.at,
        updated=new.at,
        key_version=new.key_version,
        build=build,
        started_by=new.started_by,
        last_seq=fence,
    )
    return record, True
