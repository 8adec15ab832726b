"""Where people sign in and out, beside the page itself:

- `sign-in`: the form, or the way to where people sign in; `?next=` is what was asked for, `?out=1` a farewell;
- `sign-in/callback`: where an identity provider sends people back to;
- `sign-out`: ends the session wherever it is open.

A form is taken only from this very page (`origin.py`), and only with the token that came with it, in a cookie and in a
hidden field.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from fastagency_shared.errors import BackendError, FastAgencyError

from fastagency_frontend.page.arrival import Arrival, packed, unpacked
from fastagency_frontend.page.cookie import Cookie
from fastagency_frontend.page.house import House
from fastagency_frontend.page.origin import refusal
from fastagency_frontend.page.reply import FRESH, StartResponse, redirect, reply, text_reply
from fastagency_frontend.page.session import KnownSessions
from fastagency_frontend.page.sign_in_document import Notice
from fastagency_frontend.page.target import CALLBACK, SIGN_IN, SIGN_OUT, own_target
from fastagency_frontend.page.trouble import for_people
from fastagency_frontend.page.visitor import clear_visitor_cookie, visitor_id
from fastagency_frontend.sign_in import Accepted, Elsewhere, Form, Refused, SignIn

ATTEMPT_S = 600

BYE = "You have signed out."
STALE_FORM = "This form was open for too long, or cookies are switched off. Please try again."
NO_TLS = (
    "Passwords are taken over https only. Open the https address of this page. If you have, whoever runs it has to set "
    "FASTAGENCY_PUBLIC_URL."
)
UNAVAILABLE = "503 Service Unavailable"

Environ = dict[str, Any]
Handle = Callable[[Arrival], Iterable[bytes]]

logger = logging.getLogger(__name__)


class Desk:
    """Answers the requests of those who sign in or out. `is_in`: whether somebody has signed in already."""

    def __init__(
        self, sign_in: SignIn, sessions: KnownSessions, house: House, is_in: Callable[[Environ], bool]
    ) -> None:
        self._sign_in = sign_in
        self._sessions = sessions
        self._house = house
        self._is_in = is_in
        self._routes: dict[str, dict[str, Handle]] = {
            SIGN_IN: {"GET": self._come, "HEAD": self._come, "POST": self._submit},
            CALLBACK: {"GET": self._come_back},
            SIGN_OUT: {"POST": self._leave},
        }

    def serve(self, path: str, environ: Environ, start_response: StartResponse) -> Iterable[bytes] | None:
        """The answer to a request for one of the desk's own pages; None to every other."""
        route = self._routes.get(path)
        if route is None:
            return None
        reason = refusal(environ)
        if reason is not None:
            logger.warning("Refused %s %s: %s", environ.get("REQUEST_METHOD"), path, reason)
            return text_reply(start_response, "403 Forbidden", reason)
        handle = route.get(str(environ.get("REQUEST_METHOD")))
        if handle is None:
            allowed = ", ".join(route)
            body = f"Only {allowed} is possible here.".encode()
            kind = "text/plain; charset=utf-8"
            return reply(start_response, "405 Method Not Allowed", kind, body, [("Allow", allowed)])
        return handle(Arrival(environ, start_response, self._house))

    def _come(self, arrival: Arrival) -> Iterable[bytes]:
        target = own_target(arrival.query.get("next", ""), arrival.root)
        secret = self._house.session_secret(arrival.environ)
        if secret:
            self._sessions.forget(secret)  # whoever comes here may know better
        try:
            if self._is_in(arrival.environ):
                return redirect(arrival.start_response, "302 Found", target, FRESH)
        except BackendError as error:
            return arrival.show(Notice(for_people(error), target), UNAVAILABLE)
        if arrival.query.get("out"):
            return arrival.show(Notice(BYE, target, calm=True))
        match self._sign_in.begin(arrival.visit(target)):
            case Form():
                return arrival.ask(target)
            case Elsewhere() as elsewhere:
                return self._send(arrival, elsewhere, target)
            case Refused() as refused:
                return arrival.refuse(refused, target)

    def _send(self, arrival: Arrival, elsewhere: Elsewhere, target: str) -> Iterable[bytes]:
        cookie = arrival.attempt_cookie(elsewhere.kept.get("state", "")).set(
            packed({**elsewhere.kept, "target": target}), secure=arrival.secure, max_age_s=ATTEMPT_S
        )
        return redirect(arrival.start_response, "302 Found", elsewhere.url, [*FRESH, ("Set-Cookie", cookie)])

    def _submit(self, arrival: Arrival) -> Iterable[bytes]:
        said = arrival.form()
        if said is None:
            return text_reply(arrival.start_response, "413 Content Too Large", "This form is too large.")
        target = own_target(said.get("next", ""), arrival.root)
        if not arrival.has_token(said):
            outcome: Accepted | Refused = Refused(STALE_FORM)
        elif not arrival.secure and not self._house.on_this_machine(arrival.environ):
            outcome = Refused(NO_TLS)
        else:
            outcome = self._sign_in.finish(arrival.visit(target), said, {})
        if isinstance(outcome, Refused):
            return arrival.ask(target, said.get("name", ""), outcome)
        return self._let_in(arrival, outcome, target, arrival.form_cookie)

    def _come_back(self, arrival: Arrival) -> Iterable[bytes]:
        cookie = arrival.attempt_cookie(arrival.query.get("state", ""))
        kept = unpacked(arrival.read(cookie))
        target = own_target(kept.get("target", ""), arrival.root)
        outcome = self._sign_in.finish(arrival.visit(target), arrival.query, kept)
        if isinstance(outcome, Refused):
            return arrival.refuse(outcome, target)
        return self._let_in(arrival, outcome, target, cookie)

    def _let_in(self, arrival: Arrival, accepted: Accepted, target: str, used: Cookie) -> Iterable[bytes]:
        """A new session takes the place of the one that the browser had."""
        environ, secure = arrival.environ, arrival.secure
        try:
            self._end_session(environ)
            new = self._sessions.begin(accepted.user, visitor_id(environ))
        except FastAgencyError as error:
            return arrival.show(Notice(_sentence(error), target), UNAVAILABLE)
        logger.info("Somebody has signed in; the session is %s", new.id)
        cookies = [self._house.session_cookie(environ).set(new.secret, secure=secure), used.clear(secure=secure)]
        if visitor_id(environ) is not None:
            cookies.append(clear_visitor_cookie(environ))
        headers = [*FRESH, *(("Set-Cookie", cookie) for cookie in cookies)]
        return redirect(arrival.start_response, "303 See Other", target, headers)

    def _leave(self, arrival: Arrival) -> Iterable[bytes]:
        try:
            self._end_session(arrival.environ)
        except FastAgencyError as error:
            sentence = f"You are still signed in. {_sentence(error)}"
            return arrival.show(Notice(sentence, f"{arrival.root}/"), UNAVAILABLE)
        cookie = self._house.session_cookie(arrival.environ).clear(secure=arrival.secure)
        location = self._sign_in.sign_out_url or f"{arrival.root}{SIGN_IN}?out=1"
        return redirect(arrival.start_response, "303 See Other", location, [*FRESH, ("Set-Cookie", cookie)])

    def _end_session(self, environ: Environ) -> None:
        secret = self._house.session_secret(environ)
        if secret:
            self._sessions.end(secret)


def _sentence(error: FastAgencyError) -> str:
    return for_people(error) if isinstance(error, BackendError) else str(error)
