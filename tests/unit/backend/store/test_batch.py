"""Writes of one transaction: what fails leaves nothing, what stands beside it is written, nothing is done in vain."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.store.base import Lease, LeaseLost, LeaseVoid, StoreBroken, StoreError
from fastagency_backend.store.handover import Outcome
from fastagency_backend.store.sqlite.batch import Job, Task, commit


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "numbers.sqlite3", isolation_level=None)
    connection.execute("CREATE TABLE number(n INTEGER PRIMARY KEY)")
    yield connection
    connection.close()


@pytest.fixture
def statements(db: sqlite3.Connection) -> list[str]:
    taken: list[str] = []
    db.set_trace_callback(taken.append)
    return taken


def carry_out(db: sqlite3.Connection, *jobs: Job | tuple[Job, Lease]) -> list[Outcome]:
    tasks = [Task(job[0], _nobody, job[1]) if isinstance(job, tuple) else Task(job, _nobody) for job in jobs]
    return commit(db, tasks)


def numbers(db: sqlite3.Connection) -> list[int]:
    return [row[0] for row in db.execute("SELECT n FROM number ORDER BY n")]


def add(*values: int) -> Job:
    def job(db: sqlite3.Connection) -> int:
        for value in values:
            db.execute("INSERT INTO number(n) VALUES (?)", (value,))
        return len(values)

    return job


def fail(error: Exception, *values: int) -> Job:
    """Write some numbers, then fail."""

    def job(db: sqlite3.Connection) -> None:
        add(*values)(db)
        raise error

    return job


def lose(db: sqlite3.Connection) -> None:
    raise LeaseLost("another owner")


def kinds(outcomes: list[Outcome]) -> list[Any]:
    return [type(error) if error is not None else result for result, error in outcomes]


@pytest.mark.parametrize("jobs", [[add(1)], [add(1), lose, add(2)]])
def test_a_transaction_needs_no_savepoint(db: sqlite3.Connection, statements: list[str], jobs: list[Job]) -> None:
    carry_out(db, *jobs)
    assert statements[0] == "BEGIN IMMEDIATE"
    assert statements[-1] == "COMMIT"
    assert {each.split()[0] for each in statements[1:-1]} == {"INSERT"}


def test_a_single_write_that_fails_half_way_leaves_nothing(db: sqlite3.Connection) -> None:
    assert kinds(carry_out(db, fail(LeaseLost("gone"), 1))) == [LeaseLost]
    assert kinds(carry_out(db, add(2, 2))) == [StoreError]
    assert numbers(db) == []
    assert not db.in_transaction
    assert kinds(carry_out(db, add(3))) == [1]
    assert numbers(db) == [3]


def test_a_write_that_fails_half_way_does_not_spoil_its_neighbours(db: sqlite3.Connection) -> None:
    outcomes = carry_out(db, add(1), fail(ValueError("no"), 2), add(3), add(4, 1), lose, add(5, 6))
    assert kinds(outcomes) == [1, ValueError, 1, StoreError, LeaseLost, 2]
    assert numbers(db) == [1, 3, 5, 6]


def test_what_was_written_before_a_failure_is_seen_by_what_comes_after(db: sqlite3.Connection) -> None:
    outcomes = carry_out(db, add(1), fail(ValueError("no"), 2), numbers, add(3), numbers)
    assert kinds(outcomes) == [1, ValueError, [1], 1, [1, 3]]


def test_a_write_that_is_refused_at_once_costs_nothing_more(db: sqlite3.Connection) -> None:
    done: list[str] = []

    def note(name: str) -> Job:
        return lambda db: done.append(name)

    carry_out(db, note("a"), lose, note("b"))
    assert done == ["a", "b"]


@pytest.mark.parametrize("half_way", [(), (10,)])
def test_after_a_failure_what_follows_under_the_lease_is_void(db: sqlite3.Connection, half_way: tuple[int]) -> None:
    failing, losing = Lease("1", 1), Lease("2", 1)
    outcomes = carry_out(
        db,
        (add(1), failing),
        (fail(ValueError("no"), *half_way), failing),
        (lose, losing),
        (add(2), failing),
        (add(3), losing),
        add(4),
    )
    assert kinds(outcomes) == [1, ValueError, LeaseLost, LeaseVoid, 1, 1]
    assert (failing.void, losing.void) == (True, False)
    assert numbers(db) == [1, 3, 4]
    assert kinds(carry_out(db, (add(5), failing), (add(6), losing))) == [LeaseVoid, 1]


@pytest.mark.parametrize("half_way", [(), (10,)])
def test_a_damaged_file_stops_the_batch_and_nothing_of_it_is_written(
    db: sqlite3.Connection, half_way: tuple[int]
) -> None:
    error = sqlite3.DatabaseError("malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    with pytest.raises(StoreBroken):
        carry_out(db, add(1), fail(error, *half_way), add(2))
    assert numbers(db) == []


def test_a_batch_that_cannot_be_committed_is_tried_again_from_its_beginning(
    db: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastagency_backend.store.sqlite.batch.RETRY_S", 0)
    busy = iter([True, False])

    def undone_once(db: sqlite3.Connection) -> None:
        if next(busy):
            db.execute("ROLLBACK")

    assert kinds(carry_out(db, add(1), undone_once, add(2))) == [1, None, 1]
    assert numbers(db) == [1, 2]


def _nobody(_result: object, _error: Exception | None) -> None:
    """Is told nothing."""
