"""Which workers are taken for dead: by our own clock, and only while we were awake ourselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from fastagency_backend.store.sqlite.liveness import Liveness
from fastagency_backend.store.sqlite.schema import migrate

LEASE_S = 3.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    yield connection
    connection.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ours(db: sqlite3.Connection, clock: Clock) -> Liveness:
    liveness = Liveness(clock)
    liveness.register(db, "ours", LEASE_S)
    return liveness


@pytest.fixture
def other(db: sqlite3.Connection, clock: Clock) -> Liveness:
    liveness = Liveness(clock)
    liveness.register(db, "other", LEASE_S)
    return liveness


def pass_time(db: sqlite3.Connection, clock: Clock, seconds: float, *awake: Liveness) -> None:
    for _ in range(round(seconds / 0.05)):
        clock.now += 0.05
        for each in awake:
            each.tick(db)


def test_a_worker_that_renews_is_alive(db: sqlite3.Connection, clock: Clock, ours: Liveness, other: Liveness) -> None:
    pass_time(db, clock, 20, ours, other)
    assert ours.dead(db) == other.dead(db) == []


def test_a_worker_that_stands_still_for_its_lease_is_dead(
    db: sqlite3.Connection, clock: Clock, ours: Liveness, other: Liveness
) -> None:
    pass_time(db, clock, 1, ours, other)
    pass_time(db, clock, LEASE_S - 1, ours)
    assert ours.dead(db) == []
    pass_time(db, clock, 2, ours)
    assert ours.dead(db) == ["other"]


def test_a_worker_that_was_held_up_itself_counts_anew(
    db: sqlite3.Connection, clock: Clock, ours: Liveness, other: Liveness
) -> None:
    pass_time(db, clock, 1, ours, other)
    clock.now += 100  # both were frozen
    assert ours.dead(db) == []
    pass_time(db, clock, LEASE_S - 0.5, ours)
    assert ours.dead(db) == []
    pass_time(db, clock, 1, ours)
    assert ours.dead(db) == ["other"]


def test_a_worker_that_cannot_renew_its_own_lease_takes_nothing(
    db: sqlite3.Connection, clock: Clock, ours: Liveness, other: Liveness
) -> None:
    db.execute("PRAGMA query_only = 1")
    for _ in range(200):
        clock.now += 0.05
        try:
            ours.tick(db)
        except sqlite3.OperationalError:
            assert ours.dead(db) == []
    assert ours.dead(db) == []


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_a_jump_of_the_clock_moves_nothing(
    db: sqlite3.Connection, clock: Clock, ours: Liveness, other: Liveness, jump_s: float
) -> None:
    pass_time(db, clock, 5, ours, other)
    db.execute("UPDATE worker SET expires = expires - ?", (jump_s,))  # what a jump makes of every row
    assert ours.dead(db) == []
    pass_time(db, clock, 5, ours, other)
    assert ours.dead(db) == []


def test_the_other_ones_lease_counts(db: sqlite3.Connection, clock: Clock, ours: Liveness) -> None:
    Liveness(clock).register(db, "patient", 60.0)
    pass_time(db, clock, 59, ours)
    assert ours.dead(db) == []
    pass_time(db, clock, 2, ours)
    assert ours.dead(db) == ["patient"]


def test_only_who_is_registered_judges(db: sqlite3.Connection, clock: Clock, other: Liveness) -> None:
    nobody = Liveness(clock)
    pass_time(db, clock, 10, nobody)
    assert nobody.dead(db) == []


def test_the_dead_are_buried_once_they_own_nothing(
    db: sqlite3.Connection, clock: Clock, ours: Liveness, other: Liveness
) -> None:
    db.execute(
        "INSERT INTO run(id, workflow, params, status, title, durable, worker, created, updated) "
        "VALUES ('r', 'w', '{}', 'running', 't', 1, 'other', 0, 0)"
    )
    ours.bury(db, ["other"])
    assert db.execute("SELECT count(*) FROM worker").fetchone() == (2,)
    db.execute("UPDATE run SET worker = 'ours'")
    ours.bury(db, ["other"])
    assert db.execute("SELECT id FROM worker").fetchall() == [("ours",)]


def test_who_is_not_well_loses_its_lease_until_it_is_again(db: sqlite3.Connection, clock: Clock) -> None:
    well = [True]
    frozen, ours = Liveness(clock), Liveness(clock)
    frozen.register(db, "frozen", 3.0, lambda: well[0])
    ours.register(db, "ours", 3.0)
    for state, dead in ((True, []), (False, ["frozen"]), (True, [])):
        well[0] = state
        pass_time(db, clock, 10, frozen, ours)
        assert ours.dead(db) == dead


def test_a_worker_that_is_released_is_not_taken_for_ours(db: sqlite3.Connection, ours: Liveness) -> None:
    ours.release(db, "another")
    assert ours.holds(db, "ours")
    ours.release(db, "ours")
    assert not ours.holds(db, "ours")
