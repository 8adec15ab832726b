"""The file of people with their passwords: one JSON object, for small teams without an identity provider.

    {"people": {"anna": {"password": "$argon2id$...", "name": "Anna Smith", "roles": ["manager"]}}}

`fastagency user` writes it, the page reads it, and reads it again when it has changed. A new file takes the place of
the old one at once, so that nobody reads half of it; only its owner can read it.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from fastagency_shared.errors import InvalidSettings
from fastagency_shared.fault import describe
from fastagency_shared.private_file import written_beside
from fastagency_shared.user import User
from pydantic import BaseModel, ConfigDict, ValidationError

MAX_NAME_CHARS = 200
MIN_PASSWORD_CHARS = 8
MAX_PASSWORD_CHARS = 1000

logger = logging.getLogger(__name__)


class Entry(BaseModel):
    """One person. `password` is a hash."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    password: str
    name: str | None = None
    roles: list[str] = []
    email: str | None = None

    def user(self, sign_in_name: str) -> User:
        """The person; the name to sign in with is the id."""
        return User(sign_in_name, self.name, frozenset(self.roles), self.email)


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    people: dict[str, Entry]


People = Mapping[str, Entry]


def canonical(name: str) -> str:
    """A name to sign in with, however it was typed: capitals and the kinds of a character make no difference."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


class PeopleFile:
    """The file, as it is now. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._people: People = {}

    def read(self) -> People:
        """Everybody in the file, by name.

        Raises:
            InvalidSettings: it cannot be read, or is no such file.
        """
        try:
            content = _Content.model_validate_json(self.path.read_bytes())
            for name, entry in content.people.items():
                entry.user(name)
        except FileNotFoundError:
            raise InvalidSettings(
                f"There is no password file {self.path}. Make it with: fastagency user add NAME "
                "(FASTAGENCY_PASSWORD_FILE names another one)"
            ) from None
        except OSError as error:
            raise InvalidSettings(f"The password file {self.path} cannot be read: {error.strerror}.") from None
        except ValidationError as error:
            raise InvalidSettings(f"The password file {self.path} is not understood: {describe(error)}.") from None
        except (TypeError, ValueError) as error:
            raise InvalidSettings(f"The password file {self.path} is not understood: {error}") from None
        return content.people

    def people(self) -> People:
        """Everybody, for a process that runs.

        A file that cannot be understood changes nothing; one that is missing has nobody in it.
        """
        with self._lock:
            now = self._stamp()
            if now != self._seen:
                self._seen = now
                try:
                    self._people = self.read() if now else {}
                except InvalidSettings as error:
                    logger.error("%s What it was before still counts.", error)  # noqa: TRY400 - the sentence says it all
            return self._people

    @contextmanager
    def changing(self) -> Iterator[dict[str, Entry]]:
        """Everybody, to be changed; at the end the file is written. One process at a time."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path):
            people = dict(self.read()) if self.path.exists() else {}
            before = dict(people)
            yield people
            if people != before or not self.path.exists():
                _write(self.path, people)

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_ino, found.st_size)


def _write(path: Path, people: People) -> None:
    content = {"people": {name: people[name].model_dump(exclude_defaults=True) for name in sorted(people)}}
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    with written_beside(path, text.encode()) as beside:
        _keep_owner(path, beside)
        beside.replace(path)


def _keep_owner(path: Path, beside: Path) -> None:
    """Somebody else, such as root, may write the file for the page's account, which must still be able to read it."""
    if hasattr(os, "chown"):
        with suppress(OSError):
            old = path.stat()
            os.chown(beside, old.st_uid, old.st_gid)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows: whoever writes last wins
        yield
        return
    descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
