"""What runs write all the time, of many runs in one statement: events, results, the places of answers, acquittals.

One statement is one transaction and one round trip: it locks the runs in order, looks at their fences under the lock,
numbers the events, and writes. What is locked is read as it is after the wait, so no other statement has to go first.
Where there is no more than one row of each kind, of one run, the statement needs no arrays, and takes half the time.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fastagency_backend.store.base import Lease
from fastagency_backend.store.postgres.sql import ACQUITTED, EPOCH, OWNED, Row


class Kind(StrEnum):
    EVENT = "event"
    STEP = "step"
    NOTE = "note"
    ACQUIT = "acquit"


@dataclass(frozen=True, slots=True, eq=False)
class Append:
    """One row. `values` are those of the kind's columns below."""

    kind: Kind
    lease: Lease
    values: tuple[Any, ...]


COLUMNS = {
    Kind.EVENT: (("key", "text"), ("at", "float8"), ("body", "text")),
    Kind.STEP: (("key", "text"), ("ord", "bigint"), ("value", "text"), ("asked", "text")),
    Kind.NOTE: (("uuid", "text"), ("ord", "bigint")),
}
MARK = (
    f"UPDATE writer SET batch = %(batch)s WHERE id = %(writer)s AND turn = %(turn)s AND {EPOCH} = %(epoch)s RETURNING 1"
)
"""The transaction's number, in the epoch in which the turn was taken: see `writer.py`."""
_RESULT = "last_seq, 1 / (SELECT count(*) FROM mark)"


_NUMBER = {
    True: f"UPDATE run SET last_seq = last_seq + 1 WHERE {OWNED} RETURNING number, last_seq - 1 AS last_seq",
    False: f"SELECT number, last_seq FROM run WHERE {OWNED} FOR NO KEY UPDATE",
}
_ONE = {
    Kind.EVENT: (
        "INSERT INTO event(run, seq, key, at, body) "
        "SELECT number, last_seq + 1, %(event_key)s, %(event_at)s, %(event_body)s FROM o"
    ),
    Kind.STEP: (
        "INSERT INTO step(run, key, ord, value, asked) "
        "SELECT number, %(step_key)s, %(step_ord)s, %(step_value)s, %(step_asked)s FROM o"
    ),
    Kind.NOTE: (
        "UPDATE question SET ord = %(note_ord)s FROM o WHERE question.run = o.number AND question.uuid = %(note_uuid)s"
    ),
}


@functools.cache
def _statement_of_one(kinds: frozenset[Kind]) -> str:
    writes = "".join(f", w_{kind} AS ({_ONE[kind]})" for kind in sorted(kinds))
    return f"WITH mark AS ({MARK}), o AS ({_NUMBER[Kind.EVENT in kinds]}){writes} SELECT 0, {_RESULT} FROM o"


_LOCK = (
    "SELECT w.place, run.id, run.number, run.last_seq, w.events, w.acquits FROM unnest(%(ids)s::text[], "
    "%(fences)s::bigint[], %(events)s::int[], %(acquits)s::boolean[]) WITH ORDINALITY AS w(id, fence, events, acquits, "
    "place) JOIN run ON run.id = w.id AND run.fence = w.fence WHERE run.status IN ('running', 'waiting') "
    "ORDER BY run.id FOR NO KEY UPDATE OF run"
)
_MANY = {
    Kind.EVENT: (
        "INSERT INTO event(run, seq, key, at, body) "
        "SELECT o.number, o.last_seq + x.n, x.key, x.at, x.body FROM o JOIN x_event x USING (place)"
    ),
    Kind.STEP: (
        "INSERT INTO step(run, key, ord, value, asked) "
        "SELECT o.number, x.key, x.ord, x.value, x.asked FROM o JOIN x_step x USING (place)"
    ),
    Kind.NOTE: (
        "UPDATE question SET ord = x.ord FROM o JOIN x_note x USING (place) "
        "WHERE question.run = o.number AND question.uuid = x.uuid"
    ),
}


@functools.cache
def _statement_of_many(kinds: frozenset[Kind]) -> str:
    parts = [f"mark AS ({MARK})", f"o AS MATERIALIZED ({_LOCK})"]
    if Kind.EVENT in kinds or Kind.ACQUIT in kinds:
        changes = "last_seq = o.last_seq + o.events"
        if Kind.ACQUIT in kinds:
            changes += "".join(
                f", {name} = CASE WHEN o.acquits THEN {value} ELSE run.{name} END"
                for name, _, value in (each.partition(" = ") for each in ACQUITTED.split(", "))
            )
        parts.append(f"r AS (UPDATE run SET {changes} FROM o WHERE run.id = o.id AND (o.events > 0 OR o.acquits))")
    for kind in sorted(kinds - {Kind.ACQUIT}):
        names = ", ".join(name for name, _ in COLUMNS[kind])
        arrays = "".join(f", %({kind}_{name})s::{type_}[]" for name, type_ in COLUMNS[kind])
        parts.append(
            f"x_{kind} AS (SELECT * FROM unnest(%({kind}_place)s::int[], %({kind}_n)s::int[]{arrays}) "
            f"AS x(place, n, {names}))"
        )
        parts.append(f"w_{kind} AS ({_MANY[kind]})")
    return f"WITH {', '.join(parts)} SELECT place, {_RESULT} FROM o"


@dataclass(slots=True)
class Appends:
    """Rows that are written together, in the order in which they were handed over."""

    rows: list[Append]
    _places: dict[tuple[str, int], int] = field(default_factory=dict)
    """Where each lease stands among those of the statement, from 1."""
    _numbers: list[int] = field(default_factory=list)
    """Of each row, its number among the events of its lease; 0 for other rows."""

    def prepare(self) -> tuple[str, dict[str, Any]]:
        """The statement and its arguments."""
        kinds = frozenset(row.kind for row in self.rows)
        events: list[int] = []
        for row in self.rows:
            place = self._places.setdefault((row.lease.run_id, row.lease.fence), len(self._places) + 1)
            if place > len(events):
                events.append(0)
            events[place - 1] += row.kind is Kind.EVENT
            self._numbers.append(events[place - 1] if row.kind is Kind.EVENT else 0)
        if len(self._places) == 1 and len(self.rows) == len(kinds) and Kind.ACQUIT not in kinds:
            return _statement_of_one(kinds), self._args_of_one()
        return _statement_of_many(kinds), self._args_of_many(events)

    def read(self, found: Sequence[Row]) -> list[int | None]:
        """The `seq` of each event, 0 for other rows; None where the lease was lost."""
        before = {row[0] or 1: row[1] for row in found}
        read: list[int | None] = []
        for row, number in zip(self.rows, self._numbers, strict=True):
            last = before.get(self._places[row.lease.run_id, row.lease.fence])
            read.append(None if last is None else last + number if number else 0)
        return read

    def _args_of_one(self) -> dict[str, Any]:
        lease = self.rows[0].lease
        args: dict[str, Any] = {"run_id": lease.run_id, "fence": lease.fence}
        for row in self.rows:
            args.update(
                (f"{row.kind}_{name}", value) for (name, _), value in zip(COLUMNS[row.kind], row.values, strict=True)
            )
        return args

    def _args_of_many(self, events: list[int]) -> dict[str, Any]:
        columns: dict[Kind, list[tuple[Any, ...]]] = {}
        acquits = [False] * len(events)
        for row, number in zip(self.rows, self._numbers, strict=True):
            place = self._places[row.lease.run_id, row.lease.fence]
            if row.kind is Kind.ACQUIT:
                acquits[place - 1] = True
            else:
                columns.setdefault(row.kind, []).append((place, number, *row.values))
        args: dict[str, Any] = {
            "ids": array(run_id for run_id, _ in self._places),
            "fences": array(fence for _, fence in self._places),
            "events": array(events),
            "acquits": array(acquits),
        }
        for kind, rows in columns.items():
            names = ("place", "n", *(name for name, _ in COLUMNS[kind]))
            args.update(
                (f"{kind}_{name}", array(column)) for name, column in zip(names, zip(*rows, strict=True), strict=True)
            )
        return args


def array(values: Iterable[Any]) -> str:
    """An array as PostgreSQL reads it. The driver's own way asks each value for its type, and takes twice the time."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


FOUND = {
    Kind.EVENT: (
        "SELECT seq FROM event WHERE run = (SELECT number FROM run WHERE id = %s) AND key = %s AND at = %s "
        "AND body = %s ORDER BY seq DESC LIMIT 1"
    ),
    Kind.STEP: (
        "SELECT 0 FROM step WHERE run = (SELECT number FROM run WHERE id = %s) AND key = %s AND ord = %s "
        "AND value = %s AND asked IS NOT DISTINCT FROM %s"
    ),
    Kind.NOTE: "SELECT 0 FROM question WHERE run = (SELECT number FROM run WHERE id = %s) AND uuid = %s AND ord = %s",
    Kind.ACQUIT: "SELECT 0 FROM run WHERE id = %s",
}
"""What tells whether a row was written when the reply to its commit was lost; ACQUIT has no values."""
