"""Where things are kept and heard, as the settings name it. Here alone is such a text read.

A password in one of these addresses is for the connection only: neither `str` nor `repr` shows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import unquote

SQLITE = "sqlite"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_PASSWORD = re.compile(r"(?<=://)([^:/@]*):.*@")
_WHOLE_SIGN_IN = re.compile(r"(?<=://)().*@")
"""A password may hold what an address would have to encode: all up to the last `@` may be of it."""
_PARAMETER = re.compile(r"(?i)\b((?:ssl)?password|oauth_client_secret)=[^&]*")
HIDDEN = "***"


@dataclass(frozen=True)
class SqliteFile:
    """The embedded database."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class ServerUrl:
    """An address on a server; `full` has what it takes to connect."""

    full: str = field(repr=False)
    schemes: ClassVar[tuple[str, ...]] = ()
    secret: ClassVar[re.Pattern[str]] = _PASSWORD

    def __str__(self) -> str:
        return _PARAMETER.sub(rf"\1={HIDDEN}", self.secret.sub(_hidden, self.full))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    @classmethod
    def read(cls, value: object) -> Self:
        """Raises `ValueError` for an address of something else."""
        if isinstance(value, cls):
            return value
        if scheme_of(str(value)) not in cls.schemes:
            raise ValueError(f"it is an address such as {cls.schemes[0]}://host")
        return cls(str(value))


@dataclass(frozen=True, repr=False)
class PostgresUrl(ServerUrl):
    """A PostgreSQL database, as libpq reads it."""

    schemes: ClassVar[tuple[str, ...]] = ("postgresql", "postgres")


@dataclass(frozen=True, repr=False)
class NatsUrl(ServerUrl):
    """A NATS server, or several, with commas between them."""

    schemes: ClassVar[tuple[str, ...]] = ("nats", "tls")
    secret: ClassVar[re.Pattern[str]] = _WHOLE_SIGN_IN  # a name alone is a token


Database = SqliteFile | PostgresUrl


def read_database(value: object) -> Database:
    """A path, `sqlite:///path` (relative; one more slash: absolute) or `postgresql://...`.

    Raises:
        ValueError: it is none of these. The text does not quote it: it may have a password.
    """
    if isinstance(value, SqliteFile | PostgresUrl):
        return value
    if isinstance(value, Path):
        return SqliteFile(value)
    text = str(value)
    scheme = scheme_of(text)
    if scheme is None:
        return SqliteFile(Path(text))
    if scheme in PostgresUrl.schemes:
        return PostgresUrl(text)
    path = text.partition("://")[2]
    if scheme != SQLITE:
        raise ValueError(f"it is a path, sqlite:///path or postgresql://user@host/name; {scheme}:// is not known")
    if len(path) < 2 or not path.startswith("/") or "?" in path or "#" in path:
        raise ValueError("a SQLite file is a path, or sqlite:///path, without parameters")
    return SqliteFile(Path(unquote(path[1:])))


def scheme_of(text: str) -> str | None:
    """What stands before `://`; None for a path."""
    found = _SCHEME.match(text)
    return found[1].lower() if found else None


def _hidden(found: re.Match[str]) -> str:
    return f"{found[1]}:{HIDDEN}@" if found[1] else f"{HIDDEN}@"
