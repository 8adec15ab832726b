"""`PasswordFile`: people sign in with a name and a password, which the page itself verifies.

Nobody learns whether a name exists: an unknown one takes as long as a wrong password, and gets the same sentence.
Attempts are counted for each name and for each address; few passwords are hashed at a time, as each takes memory.
"""

from __future__ import annotations

import logging
import threading
import unicodedata
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fastagency_shared.extras import extra
from fastagency_shared.user import User

from fastagency_frontend.sign_in.base import Accepted, Environ, Form, Refused, Visit
from fastagency_frontend.sign_in.password_file import MAX_NAME_CHARS, MAX_PASSWORD_CHARS, PeopleFile, canonical
from fastagency_frontend.sign_in.peer import place
from fastagency_frontend.sign_in.throttle import Throttle

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# OWASP's second choice, which needs less time: https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
MEMORY_KIB = 47_104
ROUNDS = 1
HASHED_AT_A_TIME = 2
BUSY_S = 1.0
"""A thread of the server waits meanwhile."""

WINDOW_S = 600.0
PER_NAME = 10
PER_ADDRESS = 50
"""An address may be that of a whole office."""

WRONG = "The name or the password is wrong."
BUSY = "Many people sign in at the moment. Please try again."
MINUTE_S = 60

logger = logging.getLogger(__name__)


class PasswordFile:
    """Sign-in by a file of names and hashed passwords, which `fastagency user` writes.

    Args:
        path: the file.
    """

    signs_out = True
    sign_out_url: str | None = None
    headers: frozenset[str] = frozenset()

    def __init__(self, path: str | Path) -> None:
        self._file = PeopleFile(Path(path))
        self._names = Throttle(PER_NAME, WINDOW_S)
        self._addresses = Throttle(PER_ADDRESS, WINDOW_S)
        self._hashing = threading.BoundedSemaphore(HASHED_AT_A_TIME)

    def check(self) -> None:
        """See `SignIn`. Made here, the hash of nobody costs the first unknown name no time."""
        self._file.read()
        assert self._nobody

    def of_request(self, environ: Environ) -> User | None:
        """See `SignIn`: a request has no password."""
        return None

    def begin(self, visit: Visit) -> Form | Refused:
        """See `SignIn`."""
        return Form()

    def finish(self, visit: Visit, said: Mapping[str, str], kept: Mapping[str, str]) -> Accepted | Refused:
        """See `SignIn`."""
        name, password = canonical(said.get("name", "")), said.get("password", "")
        if not 0 < len(name) <= MAX_NAME_CHARS or not 0 < len(password) <= MAX_PASSWORD_CHARS:
            return Refused(WRONG)
        address = place(visit.address)
        wait_s = max(self._addresses.wait_s(address), self._names.wait_s(name))
        if wait_s > 0:
            logger.warning("Too many attempts to sign in, the last from %s", address)
            return _too_many(wait_s)
        if not self._hashing.acquire(timeout=BUSY_S):
            return Refused(BUSY, "503 Service Unavailable", 1)
        try:
            user = self._verified(name, password)
        finally:
            self._hashing.release()
        if user is None:
            logger.info("A name or a password was wrong, from %s", address)
            return Refused(WRONG)
        self._addresses.forgive(address)
        self._names.forgive(name)
        return Accepted(user)

    def current(self, user: User) -> User | None:
        """See `SignIn`: whoever was removed from the file is signed out, and roles are those of today."""
        entry = self._file.people().get(user.id)
        return None if entry is None else entry.user(user.id)

    def _verified(self, name: str, password: str) -> User | None:
        entry = self._file.people().get(name)
        right = verified(entry.password if entry else self._nobody, password)
        return entry.user(name) if entry is not None and right else None

    @cached_property
    def _nobody(self) -> str:
        """The hash of a password that nobody has."""
        return hashed("nobody has this password")


def hasher() -> PasswordHasher:
    with extra("password", needed_by="Signing in with a password"):
        from argon2 import PasswordHasher
    return PasswordHasher(time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=1)


def hashed(password: str) -> str:
    """What is kept of a password."""
    return hasher().hash(_same_text(password))


def verified(kept: str, password: str) -> bool:
    """Whether this is the password of which that was kept."""
    from argon2.exceptions import VerificationError

    try:
        return hasher().verify(kept, _same_text(password))
    except ValueError:  # InvalidHashError is one, and so is what comes of a hash that is not ASCII
        logger.error("The password file has a hash that is none of Argon2")  # noqa: TRY400 - nothing more is known
    except VerificationError:
        pass
    return False


def _same_text(password: str) -> str:
    """Keyboards differ in how they write an accent."""
    return unicodedata.normalize("NFC", password)


def _too_many(wait_s: float) -> Refused:
    minutes = max(1, round(wait_s / MINUTE_S))
    when = "in a minute" if minutes == 1 else f"in {minutes} minutes"
    return Refused(f"There were too many attempts. Please try again {when}.", "429 Too Many Requests", int(wait_s) + 1)
