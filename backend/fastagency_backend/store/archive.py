"""A database as one that runs are copied from, or to: all of a run, as rows, in a form that every store shares.

A copy takes one thread, long transactions and no hints, so this is not the `Store`, which lives on an event loop. Rows
are streams, for a run may be larger than the memory. What is not copied is of the database itself: who works
(`worker`), what is still to be swept (`garbage`), and the like.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

Row = tuple[Any, ...]
"""Texts, numbers and None, in the order of the columns below; what is true or false is 1 or 0."""

RUN = (
    *("id", "workflow", "params", "user_id", "status", "title", "titled", "result", "durable", "fence", "last_seq"),
    *("created", "updated", "key_version", "due", "attempts", "blamed", "parent", "build"),
    "started_by",
)
"""Nobody has the run in the copy: it is `ready` if somebody had it. `last_seq` is the number of its newest event."""
WORKFLOW = ("name", "description", "durable", "place", "build", "offered", "roles")
RELEASED = "CASE WHEN worker IS NULL THEN status ELSE 'ready' END"


@dataclass(frozen=True, slots=True)
class Table:
    """Its columns, of which the first gives the order: of the rows of a run, if they belong to one."""

    name: str
    columns: tuple[str, ...]


EVENT = Table("event", ("seq", "key", "at", "body"))
STEP = Table("step", ("key", "ord", "value", "asked"))
QUESTION = Table("question", ("uuid", "key", "asked", "at", "body", "value", "ord", "due", "expired"))
"""`at` is when it was asked: the moment of its event."""
TABLES = (EVENT, STEP, QUESTION)
AUDIT = Table("audit", ("seq", "body", "hash"))
PEOPLE = (
    Table("person", ("id", "name", "email", "roles", "first_seen", "last_seen")),
    Table("session", ("id", "secret", "user_id", "person", "created", "used", "idle_s", "until", "expires")),
    Table("api_token", ("id", "secret", "user_id", "name", "created", "expires", "used")),
    Table("person_key", ("user_id", "key")),
    AUDIT,
)
"""What is known of people beside their runs. The first column names a row."""


class Archive(Protocol):
    """See the module's docstring. All methods block, are for one thread, and raise `StoreError`."""

    @property
    def keeps_nul(self) -> bool:
        """Whether its texts can have the character NUL."""
        ...

    @property
    def identity(self) -> object:
        """Equal for two that are the same database."""
        ...

    # --- reading --------------------------------------------------------------------------------------------------

    def to_read(self, *, alone: bool) -> AbstractContextManager[None]:
        """Read one state of it meanwhile. `alone`: while nobody writes; it is refused if somebody may."""
        ...

    def count(self) -> int:
        """How many runs there are."""
        ...

    def runs(self, after: str, limit: int, *, ended: bool = True) -> list[Row]:
        """Those whose id is greater, by id; all, or those that have not ended. Ids are compared byte by byte."""
        ...

    def runs_of(self, ids: Sequence[str]) -> list[Row]:
        """Those of the ids that are there, by id."""
        ...

    def rows(self, table: Table, ids: Sequence[str]) -> Iterator[Row]:
        """Each with its run's id before the columns; those of a run in order. To be read to the end."""
        ...

    def workflows(self) -> list[Row]: ...

    def people(self, table: Table) -> list[Row]:
        """All rows of a table of people, in order."""
        ...

    # --- writing --------------------------------------------------------------------------------------------------

    def to_write(self) -> AbstractContextManager[None]:
        """Be ready to write, and to read what was written. The database is made, or brought up to date.

        It is refused if somebody works with it.
        """
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """All that is added meanwhile is there afterwards, or nothing."""
        ...

    def add_runs(self, runs: Sequence[Row]) -> None: ...

    def add(self, table: Table, rows: Iterable[Row]) -> None:
        """Of runs that were added in this transaction."""
        ...

    def add_workflows(self, rows: Sequence[Row]) -> None:
        """Of two descriptions of a workflow that which was offered last stays."""
        ...

    def add_people(self, table: Table, rows: Sequence[Row]) -> None:
        """Those that are not there."""
        ...


class Digests:
    """A SHA-256 for each of some runs: over its row, and then the rows of each table in order, as lines of JSON."""

    def __init__(self, runs: Iterable[Row]) -> None:
        self._digests = {run[0]: hashlib.sha256(_line(run)) for run in runs}
        self.counts: Counter[str] = Counter()

    def add(self, table: Table, row: Row) -> None:
        self._digests[row[0]].update(_line((table.name, *row[1:])))
        self.counts[table.name] += 1

    def add_all(self, archive: Archive) -> None:
        """All that an archive has of these runs."""
        for table in TABLES:
            for row in archive.rows(table, list(self._digests)):
                self.add(table, row)

    @property
    def of_runs(self) -> dict[str, bytes]:
        return {run_id: digest.digest() for run_id, digest in self._digests.items()}


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _line(row: Row) -> bytes:
    return _encode(row).encode() + b"\n"
