"""The audit log as values: entries, the chain of hashes that holds them together, and pseudonyms. No database here.

Each entry's hash covers its text and the hash before it, so nobody can change, remove or insert one without changing
every hash behind it. Whoever keeps the newest hash somewhere else can tell that, too.

People are in it under pseudonyms, made with a key of each person's own. When a person is erased their key is, and then
nobody can tell any more whose pseudonym it was; the text stays, and so does the chain.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

FIRST = "0" * 64
"""The hash before the first entry."""
COMMAND_LINE = "command line"
"""Who acts where nobody has signed in: whoever has the server."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done: by whom (None: at the command line), to whom, to which run. Users by their ids.

    `detail` is for what says nothing about a person.
    """

    action: str
    at: float
    by: str | None = None
    whose: str | None = None
    run: str | None = None
    detail: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """An entry as it is kept: `body` is its JSON, with pseudonyms."""

    seq: int
    body: str
    hash: str


def pseudonym(key: str, user_id: str) -> str:
    """What stands for a user in the log; `key` is theirs, in hexadecimal digits."""
    return hmac.digest(bytes.fromhex(key), user_id.encode(), "sha256").hex()[:32]


def body_of(entry: Entry, seq: int, by: str, whose: str | None) -> str:
    """The text that is kept; `by` and `whose` are pseudonyms."""
    said = {"seq": seq, "at": entry.at, "action": entry.action, "by": by, "whose": whose, "run": entry.run}
    return json.dumps({name: value for name, value in said.items() if value is not None} | dict(entry.detail))


def chained(before: str, body: str) -> str:
    """The hash of an entry behind another one."""
    return hashlib.sha256(f"{before}\n{body}".encode()).hexdigest()


def check(records: Iterable[AuditRecord], after: AuditRecord | None = None) -> AuditRecord | None:
    """The last of the records that follow `after`, or `after` itself if there are none.

    Raises:
        ValueError: the chain is broken; the text says where.
    """
    last = after
    for record in records:
        expected = 1 if last is None else last.seq + 1
        if record.seq != expected:
            raise ValueError(f"entry {expected} is missing: {record.seq} follows {expected - 1}")
        if record.hash != chained(FIRST if last is None else last.hash, record.body):
            raise ValueError(f"entry {record.seq} was changed, or one before it")
        last = record
    return last
