"""How often the writer looks around: often in company, less alone, and never too seldom for its lease."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from fastagency_backend.store.base import StoreBroken
from fastagency_backend.store.sqlite.checkpoint import Checkpoints
from fastagency_backend.store.sqlite.lane import POLL_S, Lane
from fastagency_backend.store.sqlite.liveness import BEATS_PER_LEASE, LOOKS_PER_LEASE, Liveness
from fastagency_backend.store.sqlite.lookout import ALONE_POLL_S, COMPANY_S, GREETED_POLL_S, Lookout
from fastagency_backend.store.sqlite.presence import Presence
from fastagency_backend.store.sqlite.schema import migrate

from tests.unit.backend.store.test_liveness import Clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        migrate(connection)
        yield connection


@pytest.fixture
def liveness() -> Liveness:
    return Liveness(Clock())


@pytest.fixture
def told() -> list[None]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lookout(path: Path, liveness: Liveness, clock: Clock, told: list[None]) -> Lookout:
    lookout = Lookout(Presence(str(path)), liveness, Checkpoints(cast("Lane", None)), clock)
    lookout.changed = lambda: told.append(None)
    return lookout


def test_alone_it_looks_seldom_whatever_it_writes_itself(
    lookout: Lookout, db: sqlite3.Connection, told: list[None]
) -> None:
    assert lookout.look(db) == ALONE_POLL_S
    db.execute("INSERT INTO probe(data) VALUES (x'')")
    assert lookout.look(db) == ALONE_POLL_S
    assert told == []


def test_in_company_it_looks_often_and_for_some_time(
    lookout: Lookout, db: sqlite3.Connection, path: Path, told: list[None], clock: Clock
) -> None:
    lookout.look(db)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("INSERT INTO probe(data) VALUES (x'')")
    assert lookout.look(db) == POLL_S
    assert len(told) == 1
    clock.now += COMPANY_S - 1
    assert lookout.look(db) == POLL_S
    clock.now += 1
    assert lookout.look(db) == ALONE_POLL_S
    assert len(told) == 1


def test_where_others_would_greet_it_looks_more_seldom_still_until_one_does(
    lookout: Lookout, db: sqlite3.Connection, clock: Clock
) -> None:
    lookout.is_greeted = lambda: True
    assert lookout.look(db) == GREETED_POLL_S
    lookout.meet()
    assert lookout.look(db) == POLL_S
    clock.now += COMPANY_S
    assert lookout.look(db) == GREETED_POLL_S


@pytest.mark.parametrize(("lease_s", "wait_s"), [(60.0, ALONE_POLL_S), (0.12 * BEATS_PER_LEASE, 0.12), (0.01, POLL_S)])
def test_a_short_lease_is_looked_after_in_time(
    lookout: Lookout, db: sqlite3.Connection, liveness: Liveness, lease_s: float, wait_s: float
) -> None:
    liveness.register(db, "ours", lease_s)
    assert lookout.look(db) == pytest.approx(wait_s)


def test_another_workers_lease_is_looked_at_more_often_than_our_own_is_renewed(
    lookout: Lookout, db: sqlite3.Connection, liveness: Liveness
) -> None:
    Liveness(Clock()).register(db, "theirs", 3.0)
    liveness.register(db, "ours", 0.12 * LOOKS_PER_LEASE)
    assert lookout.look(db) == pytest.approx(0.12)


def test_a_lease_that_cannot_be_renewed_is_tried_again_soon(
    lookout: Lookout, db: sqlite3.Connection, liveness: Liveness, caplog: pytest.LogCaptureFixture
) -> None:
    liveness.register(db, "ours", 0.0)
    db.execute("PRAGMA query_only = 1")
    assert lookout.look(db) == POLL_S
    assert "could not be renewed" in caplog.text


def test_a_file_that_is_gone_is_noticed(lookout: Lookout, db: sqlite3.Connection, path: Path) -> None:
    path.unlink()
    with pytest.raises(StoreBroken):
        lookout.look(db)
