"""The door of the page: who comes in, and what becomes of those who have not signed in.

A session is the backend's; the browser has its secret in a cookie. Where people sign in and out is `desk.py`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastagency_shared.errors import BackendError, SignedOut
from fastagency_shared.provider import Caller
from fastagency_shared.user import User

from fastagency_frontend.page.house import House
from fastagency_frontend.page.origin import READING
from fastagency_frontend.page.reply import FRESH, Headers, StartResponse, redirect, text_reply
from fastagency_frontend.page.session import KnownSessions
from fastagency_frontend.page.target import SIGN_IN, asked_for, own_target
from fastagency_frontend.page.visitor import clear_visitor_cookie, forwarded, visitor_id
from fastagency_frontend.sign_in import SignIn

if TYPE_CHECKING:
    from fastagency_shared.page_key import PageKey

Environ = dict[str, Any]

PERSON_KEY = "fastagency.person"
SIGNED_OUT = "You have been signed out. What you wrote is kept."

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in; `session` is the public id of the session, if there is one."""

    user: User
    session: str | None = None


def mark_of(caller: Caller) -> str:
    """Tells the browser whether it is still the same person, without the id; empty where nobody signs in."""
    return "" if caller.user is None else hashlib.sha256(f"person:{caller.user.id}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Admission:
    """See `live.Admission`."""

    door: Door
    environ: Environ

    def check(self) -> None:
        self.door.check(self.environ)

    def over(self) -> None:
        self.door.forget(self.environ)


class Door:
    """Lets people in who have signed in. `key` signs for the backend who asks; None where there is no backend."""

    def __init__(self, sign_in: SignIn, sessions: KnownSessions, key: PageKey | None, house: House) -> None:
        self._sign_in = sign_in
        self._sessions = sessions
        self._key = key
        self._house = house

    @property
    def can_sign_out(self) -> bool:
        """Whether people can sign out here."""
        return self._sign_in.signs_out

    def person(self, environ: Environ) -> Person | None:
        """Who asks; None if nobody has signed in. Raises `BackendError` if it cannot be known."""
        if PERSON_KEY not in environ:
            try:
                environ[PERSON_KEY] = self._find(environ)
            finally:
                for name in self._sign_in.headers:
                    environ.pop(name, None)
        found = environ[PERSON_KEY]
        return found if isinstance(found, Person) else None

    def caller(self, environ: Environ, forward_headers: Iterable[str]) -> Caller:
        """On whose behalf a request is served; credentials of the browser stay here.

        Raises `SignedOut`, and `BackendError` if that cannot be known.
        """
        person, key = self.person(environ), self._key
        if person is None:
            raise SignedOut(SIGNED_OUT)
        token = None if key is None else lambda: key.for_user(person.user, person.session)
        kept = forwarded(environ, (name for name in forward_headers if name != "authorization"))
        return Caller(user_id=person.user.id, headers=kept, user=person.user, token=token)

    def check(self, environ: Environ) -> None:
        """For a request that is held: raises `SignedOut` once the session has ended."""
        person = self.person(environ)
        if person is None or (person.session is not None and self._find(environ) is None):
            raise SignedOut(SIGNED_OUT)

    def forget(self, environ: Environ) -> None:
        """The backend says that this session has ended: ask anew the next time."""
        secret = self._house.session_secret(environ)
        if secret:
            self._sessions.forget(secret)

    def turns_away(self, path: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes] | None:
        """The answer to somebody who has not signed in; None for those who have.

        If the backend is away nobody knows, and the page itself says so: it shows nothing without the backend.
        """
        try:
            if self.person(environ) is not None:
                return None
        except SignedOut:
            logger.error("The backend does not accept the page's key: do both have the same?")  # noqa: TRY400
            return None
        except BackendError:
            return None
        if environ.get("REQUEST_METHOD") not in READING or not _is_document(path, environ):
            return text_reply(start_response, "401 Unauthorized", SIGNED_OUT)
        root = self._house.root(environ)
        asked = own_target(asked_for(root + path, str(environ.get("QUERY_STRING", ""))), root)
        return redirect(start_response, "302 Found", f"{root}{SIGN_IN}?next={quote(asked, safe='')}", FRESH)

    def welcome(self, environ: Environ) -> Headers:
        """What goes with the document of somebody who is in: conversations of the visitor they were become theirs."""
        visitor = visitor_id(environ)
        try:
            person = self.person(environ)
            if visitor is None or person is None:
                return FRESH
            self._sessions.end(self._sessions.begin(person.user, visitor).secret)
        except BackendError as error:
            logger.warning("The conversations of a visitor could not be handed over: %s", error)
            return FRESH
        return [*FRESH, ("Set-Cookie", clear_visitor_cookie(environ))]

    def _find(self, environ: Environ) -> Person | None:
        user = self._sign_in.of_request(environ)
        if user is not None:
            return Person(user)
        secret = self._house.session_secret(environ)
        session = self._sessions.find(secret) if secret else None
        current = self._sign_in.current(session.user) if session is not None else None
        return Person(current, session.id) if current is not None and session is not None else None


def _is_document(path: str, environ: Environ) -> bool:
    """Whether a person opens a page, and no script or style sheet of one is fetched."""
    wanted = environ.get("HTTP_SEC_FETCH_DEST")
    if wanted is not None:
        return bool(wanted == "document")
    return path == "/" or "text/html" in str(environ.get("HTTP_ACCEPT", ""))
