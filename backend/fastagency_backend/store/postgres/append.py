"""What runs write all the time, of many runs in one statement: events, results, the places of answers, acquittals.

One statement is one transaction and one round trip: it locks the runs in order, looks at their fences under the lock,
numbers the events, and writes. What is locked is read as it is after the wait, so no other statement has to go first.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fastagency_backend.store.base import Lease
from fastagency_backend.store.postgres.sql import ACQUITTED, Row


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
    Kind.EVENT: (("n", "int"), ("key", "text"), ("at", "float8"), ("body", "text")),
    Kind.STEP: (("key", "text"), ("ord", "bigint"), ("value", "text"), ("asked", "text")),
    Kind.NOTE: (("uuid", "text"), ("ord", "bigint")),
    Kind.ACQUIT: (),
}
_WRITE = {
    Kind.EVENT: (
        "INSERT INTO event(run, seq, key, at, body) "
        "SELECT o.number, o.last_seq + x.n, x.key, x.at, x.body FROM o JOIN x_event x USING (id, fence)"
    ),
    Kind.STEP: (
        "INSERT INTO step(run, key, ord, value, asked) "
        "SELECT o.number, x.key, x.ord, x.value, x.asked FROM o JOIN x_step x USING (id, fence)"
    ),
    Kind.NOTE: (
        "UPDATE question SET ord = x.ord FROM o JOIN x_note x USING (id, fence) "
        "WHERE question.run = o.number AND question.uuid = x.uuid"
    ),
}
MARK = "UPDATE writer SET batch = %(batch)s WHERE id = %(writer)s AND turn = %(turn)s RETURNING 1"
"""The transaction's number: see `writer.py`."""


@functools.cache
def statement(kinds: frozenset[Kind]) -> str:
    """The statement for rows of these kinds. It returns, for each lease that is good, the run's newest `seq` before."""
    parts = [
        f"mark AS ({MARK})",
        "l AS MATERIALIZED (SELECT id, fence, number, last_seq FROM run WHERE id = ANY(%(ids)s) "
        "AND status IN ('running', 'waiting') ORDER BY id FOR NO KEY UPDATE)",
        "o AS MATERIALIZED (SELECT l.*, w.events, w.acquits FROM l JOIN unnest(%(ids)s::text[], %(fences)s::bigint[], "
        "%(events)s::int[], %(acquits)s::boolean[]) AS w(id, fence, events, acquits) USING (id, fence))",
    ]
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
            f"x_{kind} AS (SELECT * FROM unnest(%({kind}_id)s::text[], %({kind}_fence)s::bigint[]{arrays}) "
            f"AS x(id, fence, {names}))"
        )
        parts.append(f"w_{kind} AS ({_WRITE[kind]})")
    return f"WITH {', '.join(parts)} SELECT id, fence, last_seq, 1 / (SELECT count(*) FROM mark) FROM o"


@dataclass(slots=True)
class Appends:
    """Rows that are written together, in the order in which they were handed over."""

    rows: list[Append]
    _events: dict[tuple[str, int], int] = field(default_factory=dict)
    _places: list[int] = field(default_factory=list)

    def prepare(self) -> tuple[str, dict[str, Any]]:
        """The statement and its arguments."""
        acquits: set[tuple[str, int]] = set()
        columns: dict[Kind, list[tuple[Any, ...]]] = {}
        for row in self.rows:
            whose = (row.lease.run_id, row.lease.fence)
            before = self._events.setdefault(whose, 0)
            self._places.append(before + 1 if row.kind is Kind.EVENT else 0)
            if row.kind is Kind.EVENT:
                self._events[whose] = before + 1
                columns.setdefault(row.kind, []).append((*whose, before + 1, *row.values))
            elif row.kind is Kind.ACQUIT:
                acquits.add(whose)
            else:
                columns.setdefault(row.kind, []).append((*whose, *row.values))
        args: dict[str, Any] = {
            "ids": [run_id for run_id, _ in self._events],
            "fences": [fence for _, fence in self._events],
            "events": list(self._events.values()),
            "acquits": [whose in acquits for whose in self._events],
        }
        for kind, rows in columns.items():
            names = ("id", "fence", *(name for name, _ in COLUMNS[kind]))
            args |= {
                f"{kind}_{name}": list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)
            }
        return statement(frozenset(columns) | ({Kind.ACQUIT} if acquits else set())), args

    def read(self, found: Sequence[Row]) -> list[int | None]:
        """The `seq` of each event, 0 for other rows; None where the lease was lost."""
        before = {(row[0], row[1]): row[2] for row in found}
        return [
            None if (last := before.get((row.lease.run_id, row.lease.fence))) is None else last + place if place else 0
            for row, place in zip(self.rows, self._places, strict=True)
        ]


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
"""What tells whether a row was written when the reply to its commit was lost."""
