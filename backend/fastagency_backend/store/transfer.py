"""Copies runs from one database to another: whole, each in one transaction, and read back to be compared.

A run that is there already is compared as well. So a copy that was broken off is simply begun again, and what the
target has of other runs stays.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fastagency_backend.store.archive import AUDIT, PEOPLE, TABLES, Archive, Digests, Row, Table
from fastagency_backend.store.base import StoreError

AT_ONCE = 100
"""Runs in a transaction."""
NUL, REPLACEMENT = "\0", "\N{REPLACEMENT CHARACTER}"


@dataclass(slots=True)
class Tally:
    """What was copied, or found there already (`known`), up to now. `mended`: runs that had a NUL in a text."""

    runs: int = 0
    known: int = 0
    workflows: int = 0
    people: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    mended: set[str] = field(default_factory=set)
    digest: str = ""


def transfer(source: Archive, target: Archive, tell: Callable[[Tally], None]) -> Tally:
    """Copy all that `source` has; `tell` is called after each transaction.

    Raises:
        StoreError: it could not be done, or what is in the target is not what is in the source.
    """
    if source.identity == target.identity:
        raise StoreError("Both addresses are of the same database. Name another one to copy to.")
    tally, digest = Tally(), hashlib.sha256()
    with source.to_read(alone=True), target.to_write():
        for runs in _batches(source, ended=True):
            for each in _copy(source, target, runs, tally).of_runs.values():
                digest.update(each)
            tell(tally)
        workflows = source.workflows()
        with target.transaction():
            target.add_workflows(workflows)
        if tally.runs != source.count() or not {row[0] for row in workflows} <= {row[0] for row in target.workflows()}:
            raise StoreError(f"Only {tally.runs} of {source.count()} runs were copied. Repeat the command.")
        tally.people = _copy_people(source, target)
    tally.workflows, tally.digest = len(workflows), digest.hexdigest()
    return tally


def _copy_people(source: Archive, target: Archive) -> int:
    """What is known of people; returns how many rows. What the target knows of the same people stays."""
    rows = {table: source.people(table) for table in PEOPLE}
    with target.transaction():
        for table, found in rows.items():
            target.add_people(table, found)
        there = target.people(AUDIT)
        if there[: len(rows[AUDIT])] != rows[AUDIT]:
            raise StoreError("The target has an audit log of its own, and two of them are no chain. Copy elsewhere.")
    for table, found in rows.items():
        if missing := {row[0] for row in found} - {row[0] for row in target.people(table)}:
            raise StoreError(f"{len(missing)} rows of {table.name} were not copied. Repeat the command.")
    return sum(map(len, rows.values()))


def extract(source: Archive, target: Archive, *, ended: bool) -> int:
    """Copy runs of a database that is in use, as it is at one moment, to one that is thrown away; returns how many."""
    tally = Tally()
    with source.to_read(alone=False), target.to_write():
        for runs in _batches(source, ended=ended):
            _write(source, target, runs, set(), tally)
    return tally.runs


def _batches(source: Archive, *, ended: bool) -> Iterator[list[Row]]:
    after = ""
    while runs := source.runs(after, AT_ONCE, ended=ended):
        yield runs
        after = runs[-1][0]


def _copy(source: Archive, target: Archive, runs: list[Row], tally: Tally) -> Digests:
    ids = [run[0] for run in runs]
    known = {run[0] for run in target.runs_of(ids)}
    wanted = _write(source, target, runs, known, tally)
    found = Digests(target.runs_of(ids))
    found.add_all(target)
    there = found.of_runs
    for run_id, digest in wanted.of_runs.items():
        if there.get(run_id) != digest:
            raise _refusal(run_id, known=run_id in known)
    if found.counts != wanted.counts:
        raise StoreError(f"There are {dict(found.counts)} rows in the place of {dict(wanted.counts)}.")
    tally.known += len(known)
    return wanted


def _refusal(run_id: str, *, known: bool) -> StoreError:
    if known:
        return StoreError(
            f"The target has a run {run_id} that is not the one of the source: it has gone on in one of them since. "
            "Copy into an empty database, or delete that run in the one where it is not wanted."
        )
    return StoreError(f"The run {run_id} was not read back as it was written. Look after the target's disk.")


def _write(source: Archive, target: Archive, runs: list[Row], known: set[str], tally: Tally) -> Digests:
    """Add those that are not `known`, in one transaction; returns the digests of all."""
    ids = [run[0] for run in runs]
    runs = [_kept(run, target, tally) for run in runs]
    digests = Digests(runs)

    def stream(table: Table) -> Iterator[Row]:
        for row in source.rows(table, ids):
            kept = _kept(row, target, tally)
            digests.add(table, kept)
            if kept[0] not in known:
                yield kept

    with target.transaction():
        target.add_runs([run for run in runs if run[0] not in known])
        for table in TABLES:
            target.add(table, stream(table))
    tally.runs += len(runs)
    tally.rows += digests.counts
    return digests


def _kept(row: Row, target: Archive, tally: Tally) -> Row:
    """The row as the target can keep it: another character takes the place of a NUL, as in new runs."""
    if target.keeps_nul or not any(isinstance(value, str) and NUL in value for value in row):
        return row
    tally.mended.add(row[0])
    return tuple(value.replace(NUL, REPLACEMENT) if isinstance(value, str) else value for value in row)
