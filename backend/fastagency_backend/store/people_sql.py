"""What both stores do for `people.People`, in SQL that both understand: each function is a job in one transaction."""

from __future__ import annotations

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

from fastagency_shared.user import User

from fastagency_backend.store.audit import COMMAND_LINE, FIRST, AuditRecord, Entry, body_of, chained, pseudonym
from fastagency_backend.store.people import TOUCH_S, ApiToken, Erased, NewSession, Person, SessionRecord

Row = tuple[Any, ...]

AT_ONCE = 1000
"""Values in one statement."""


class Sql(ABC):
    """A transaction: statements with parameters `:name`, of whichever database.

    `run_key` is the column by which a run is known to the tables of its log, `of_run` their column for it.
    """

    run_key: str
    of_run: str

    @abstractmethod
    def execute(self, sql: str, args: Mapping[str, Any]) -> tuple[list[str], list[Row]]:
        """The names of the columns, and the rows."""

    @abstractmethod
    def serialize_audit(self) -> None:
        """Let nobody else append to the audit log until this transaction is over."""

    @abstractmethod
    def hold_runs(self, user_id: str) -> None:
        """Let nobody else write to a user's runs until this transaction is over."""

    def rows(self, sql: str, **args: Any) -> list[Row]:
        return self.execute(sql, args)[1]

    def first(self, sql: str, **args: Any) -> Row | None:
        return next(iter(self.rows(sql, **args)), None)

    def named(self, sql: str, **args: Any) -> list[dict[str, Any]]:
        names, rows = self.execute(sql, args)
        return [dict(zip(names, row, strict=True)) for row in rows]


# --- the directory ----------------------------------------------------------------------------------------------------


def see(db: Sql, user: User, at: float) -> None:
    db.rows(
        "INSERT INTO person(id, name, email, roles, first_seen, last_seen) "
        "VALUES (:id, :name, :email, :roles, :at, :at) ON CONFLICT(id) DO UPDATE SET name = excluded.name, "
        "email = excluded.email, roles = excluded.roles, last_seen = excluded.last_seen",
        id=user.id,
        name=user.name,
        email=user.email,
        roles=json.dumps(sorted(user.roles)),
        at=at,
    )


def person(db: Sql, user_id: str) -> Person | None:
    row = db.first("SELECT id, name, email, roles, first_seen, last_seen FROM person WHERE id = :id", id=user_id)
    if row is None:
        return None
    id_, name, email, roles, first_seen, last_seen = row
    return Person(User(id_, name, frozenset(json.loads(roles)), email), first_seen, last_seen)


# --- sessions ---------------------------------------------------------------------------------------------------------

_SESSION = "SELECT id, person, expires, until, idle_s, used FROM session WHERE secret = :secret AND expires > :at"


def open_session(db: Sql, new: NewSession, visitor: str | None) -> int:
    db.rows("DELETE FROM session WHERE expires <= :at", at=new.at)
    db.rows(
        "INSERT INTO session(id, secret, user_id, person, created, used, idle_s, until, expires) "
        "VALUES (:id, :secret, :user_id, :person, :at, :at, :idle_s, :until, :expires)",
        id=new.id,
        secret=new.secret,
        user_id=new.user.id,
        person=new.user.to_json(),
        at=new.at,
        idle_s=new.idle_s,
        until=new.until,
        expires=min(new.at + new.idle_s, new.until),
    )
    see(db, new.user, new.at)
    return 0 if visitor is None else _take_over(db, visitor, new.user.id, new.at)


def _take_over(db: Sql, visitor: str, user_id: str, at: float) -> int:
    if visitor == user_id or person(db, visitor) is not None:
        return 0
    db.hold_runs(visitor)
    taken = len(
        db.rows(
            "UPDATE run SET user_id = :user_id, started_by = COALESCE(started_by, :was) WHERE user_id = :visitor "
            "RETURNING 1",
            user_id=user_id,
            visitor=visitor,
            was=User(visitor).to_json(),
        )
    )
    if taken:
        record(db, Entry("take over a visitor's runs", at, by=user_id, detail={"runs": taken}))
    return taken


def find_session(db: Sql, secret: str, at: float) -> tuple[SessionRecord | None, bool]:
    """Reads only; also whether it has to be written down that the session is used."""
    row = db.first(_SESSION, secret=secret, at=at)
    if row is None:
        return None, False
    return SessionRecord(row[0], User.from_json(row[1]), row[2]), at - row[5] >= TOUCH_S


def touch_session(db: Sql, secret: str, at: float) -> SessionRecord | None:
    row = db.first(_SESSION, secret=secret, at=at)
    if row is None:
        return None
    expires = min(at + row[4], row[3])
    sql = "UPDATE session SET used = :at, expires = :expires WHERE secret = :secret"
    db.rows(sql, at=at, expires=expires, secret=secret)
    return SessionRecord(row[0], User.from_json(row[1]), expires)


def rotate_session(db: Sql, secret: str, new: str, at: float) -> SessionRecord | None:
    found = touch_session(db, secret, at)
    if found is not None:
        db.rows("UPDATE session SET secret = :new WHERE secret = :secret", new=new, secret=secret)
    return found


def end_session(db: Sql, secret: str) -> str | None:
    row = db.first("DELETE FROM session WHERE secret = :secret RETURNING id", secret=secret)
    return None if row is None else str(row[0])


def end_sessions(db: Sql, user_id: str) -> list[str]:
    return [row[0] for row in db.rows("DELETE FROM session WHERE user_id = :id RETURNING id", id=user_id)]


def live_sessions(db: Sql, ids: Collection[str], at: float) -> set[str]:
    return _live(db, "session", ids, at)


# --- API tokens -------------------------------------------------------------------------------------------------------

_TOKEN = "id, user_id, name, created, expires, used"  # noqa: S105 - columns
_HOLDS = "(expires IS NULL OR expires > :at)"


def add_token(db: Sql, token: ApiToken, secret: str) -> None:
    db.rows(
        "INSERT INTO api_token(id, secret, user_id, name, created, expires) "
        "VALUES (:id, :secret, :user_id, :name, :created, :expires)",
        id=token.id,
        secret=secret,
        user_id=token.user_id,
        name=token.name,
        created=token.created,
        expires=token.expires,
    )
    record(db, Entry("add an API token", token.created, whose=token.user_id, detail={"token": token.id}))


def tokens(db: Sql, user_id: str | None) -> list[ApiToken]:
    where = "" if user_id is None else "WHERE user_id = :id"
    args = {} if user_id is None else {"id": user_id}
    return [ApiToken(*row) for row in db.rows(f"SELECT {_TOKEN} FROM api_token {where} ORDER BY created, id", **args)]


def remove_token(db: Sql, token_id: str, at: float) -> bool:
    row = db.first("DELETE FROM api_token WHERE id = :id RETURNING user_id", id=token_id)
    if row is None:
        return False
    record(db, Entry("remove an API token", at, whose=row[0], detail={"token": token_id}))
    return True


def find_token(db: Sql, secret: str, at: float) -> ApiToken | None:
    row = db.first(f"SELECT {_TOKEN} FROM api_token WHERE secret = :secret AND {_HOLDS}", secret=secret, at=at)
    return None if row is None else ApiToken(*row)


def note_use(db: Sql, token_id: str, day: str) -> None:
    db.rows("UPDATE api_token SET used = :day WHERE id = :id", day=day, id=token_id)


def live_tokens(db: Sql, ids: Collection[str], at: float) -> set[str]:
    return _live(db, "api_token", ids, at)


def _live(db: Sql, table: str, ids: Collection[str], at: float) -> set[str]:
    found: set[str] = set()
    asked = list(ids)
    for first in range(0, len(asked), AT_ONCE):
        args = {f"v{number}": each for number, each in enumerate(asked[first : first + AT_ONCE])}
        names = ", ".join(f":{name}" for name in args)
        found.update(
            row[0] for row in db.rows(f"SELECT id FROM {table} WHERE id IN ({names}) AND {_HOLDS}", at=at, **args)
        )
    return found


# --- the audit log ----------------------------------------------------------------------------------------------------


def record(db: Sql, entry: Entry) -> AuditRecord:
    db.serialize_audit()
    seq, before = db.first("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1") or (0, FIRST)
    by = COMMAND_LINE if entry.by is None else _pseudonym(db, entry.by)
    whose = None if entry.whose is None else _pseudonym(db, entry.whose)
    body = body_of(entry, seq + 1, by, whose)
    new = AuditRecord(seq + 1, body, chained(before, body))
    db.rows("INSERT INTO audit(seq, body, hash) VALUES (:seq, :body, :hash)", seq=new.seq, body=new.body, hash=new.hash)
    return new


def _pseudonym(db: Sql, user_id: str) -> str:
    row = db.first("SELECT key FROM person_key WHERE user_id = :id", id=user_id)
    if row is None:
        row = (secrets.token_hex(32),)
        db.rows("INSERT INTO person_key(user_id, key) VALUES (:id, :key)", id=user_id, key=row[0])
    return pseudonym(row[0], user_id)


def audit(db: Sql, after: int, limit: int) -> list[AuditRecord]:
    sql = "SELECT seq, body, hash FROM audit WHERE seq > :after ORDER BY seq LIMIT :limit"
    return [AuditRecord(*row) for row in db.rows(sql, after=after, limit=limit)]


def pseudonyms(db: Sql) -> dict[str, str]:
    return {pseudonym(key, user_id): user_id for user_id, key in db.rows("SELECT user_id, key FROM person_key")}


# --- what is known of one person --------------------------------------------------------------------------------------

OF_PERSON: Mapping[str, str] = {"person": "id", "session": "user_id", "api_token": "user_id", "person_key": "user_id"}
"""The tables with rows of a person beside `run`, and the column with the person's id."""
OF_RUN = ("event", "step", "question")
OF_NOBODY = ("worker", "workflow", "garbage", "probe", "audit", "writer", "service", "schema_version")
"""The tables that know no person; `audit` knows pseudonyms."""
_SECRET = frozenset({"secret", "key", "hash"})
"""Columns of the tables of persons that no export shows."""


def rows_of_person(db: Sql, user_id: str) -> list[tuple[str, dict[str, Any]]]:
    found = [
        (table, {name: value for name, value in row.items() if name not in _SECRET})
        for table, column in OF_PERSON.items()
        for row in db.named(f"SELECT * FROM {table} WHERE {column} = :id", id=user_id)
    ]
    return found + [("audit", row) for row in _audit_of(db, user_id)]


def _audit_of(db: Sql, user_id: str) -> list[dict[str, Any]]:
    row = db.first("SELECT key FROM person_key WHERE user_id = :id", id=user_id)
    if row is None:
        return []
    name = pseudonym(row[0], user_id)
    return db.named("SELECT seq, body, hash FROM audit WHERE body LIKE :name ORDER BY seq", name=f'%"{name}"%')


def run_ids(db: Sql, user_id: str) -> list[str]:
    return [row[0] for row in db.rows("SELECT id FROM run WHERE user_id = :id ORDER BY created, id", id=user_id)]


def rows_of_run(db: Sql, run_id: str) -> list[tuple[str, dict[str, Any]]]:
    found = [("run", row) for row in db.named("SELECT * FROM run WHERE id = :id", id=run_id)]
    for table in OF_RUN:
        sql = f"SELECT * FROM {table} WHERE {db.of_run} = (SELECT {db.run_key} FROM run WHERE id = :id)"
        found += [(table, _shown(table, row)) for row in db.named(sql, id=run_id)]
    return found


def _shown(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """Without the answer to a question for a password."""
    if table == "question" and json.loads(row["body"]).get("content", {}).get("password"):
        return {**row, "value": None}
    return row


def erase(db: Sql, user_id: str, at: float) -> tuple[Erased, list[str]]:
    """Also the ids of the runs that are gone. What runs that were deleted before have left is cleared away, too."""
    db.hold_runs(user_id)
    ids = run_ids(db, user_id)
    gone = {}
    for table in OF_RUN:
        mine = f"SELECT {db.run_key} FROM run WHERE user_id = :id UNION ALL SELECT {db.of_run} FROM garbage"
        gone[table] = len(db.rows(f"DELETE FROM {table} WHERE {db.of_run} IN ({mine}) RETURNING 1", id=user_id))
    db.rows("DELETE FROM garbage")
    gone["run"] = len(db.rows("DELETE FROM run WHERE user_id = :id RETURNING 1", id=user_id))
    if any(gone.values()) or any(_has(db, table, column, user_id) for table, column in OF_PERSON.items()):
        record(db, Entry("erase a person", at, whose=user_id))
    for table, column in OF_PERSON.items():
        gone[table] = len(db.rows(f"DELETE FROM {table} WHERE {column} = :id RETURNING 1", id=user_id))
    return Erased(gone), ids


def _has(db: Sql, table: str, column: str, user_id: str) -> bool:
    return db.first(f"SELECT 1 FROM {table} WHERE {column} = :id LIMIT 1", id=user_id) is not None
