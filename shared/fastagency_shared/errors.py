"""The errors that both sides of the wire speak of.

FastAgencyError
├── InvalidSettings        a variable of the environment has a value that cannot be used
├── RequestError           the caller asked for something wrong; `detail` is fit to be shown to a person
│   ├── NotSignedIn        401  nobody is signed in, or the token is not valid any more
│   ├── NotAllowed         403  signed in, but without the role that this needs
│   ├── HostRefused        400  sent to a name that this server is not known by
│   ├── OriginRefused      403  sent by another site's page
│   ├── AnonymousRefused   403  from another machine, where nobody signs in
│   ├── UnknownWorkflow    404  no workflow of that name
│   ├── UnknownRun         404  no such run, or not yours: the two are never told apart
│   ├── UnknownQuestion    404  the run never asked that
│   ├── UnknownSession     404  the session has ended, or never was; told to the page only
│   ├── Conflict           409  the request contradicts what is already recorded
│   │   ├── AlreadyAnswered
│   │   ├── QuestionExpired
│   │   └── StaleCursor
│   ├── TooLarge           413  more bytes than are kept of it
│   ├── InvalidRequest     422  malformed, too long, or not among the choices
│   ├── SignInUnavailable  503  who asks cannot be verified at the moment
│   ├── TooManyRequests    429  one person, or one address, asks for more than its share
│   └── StoreUnavailable   503  nothing wrong with the request: nothing can be kept at the moment
└── BackendError           the client could not get an answer from the backend
    ├── BackendUnreachable down, refused or cut
    ├── BackendTimeout     did not answer in time
    ├── BackendRefused     it said no: not allowed (403)
    │   └── SignedOut      not signed in, or not any more (401, close code 4401)
    └── BackendIncompatible too old, or not a FastAgency backend at all

`RequestError.status` is the HTTP status of that refusal. On a WebSocket it is an `error` or an `answer_result`; only a
first frame that is refused ends the connection (`connection.CloseCode`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Self


class FastAgencyError(Exception):
    """The root of every error raised by FastAgency itself."""


class InvalidSettings(FastAgencyError):
    """An environment variable has a value that cannot be used; `str(error)` names it and says what it should be."""


class RequestError(FastAgencyError):
    """The caller's request was refused; `str(error)` says what was wrong and what to do."""

    status: ClassVar[int] = 400

    @property
    def detail(self) -> str:
        return str(self)


class NotSignedIn(RequestError):
    status = 401


class NotAllowed(RequestError):
    status = 403


class HostRefused(RequestError):
    status = 400


class OriginRefused(RequestError):
    status = 403


class AnonymousRefused(RequestError):
    status = 403


class UnknownWorkflow(RequestError):
    status = 404

    @classmethod
    def named(cls, name: str, known: Iterable[str]) -> Self:
        """The refusal of a name, which says what there is instead."""
        listed = ", ".join(map(repr, known))
        return cls(f"There is no workflow {name!r}. " + (f"There are: {listed}." if listed else "None is registered."))


class UnknownRun(RequestError):
    status = 404


class UnknownQuestion(RequestError):
    status = 404


class UnknownSession(RequestError):
    status = 404


class Conflict(RequestError):
    status = 409


class AlreadyAnswered(Conflict):
    """Somebody answered this question before: the first valid answer wins."""


class QuestionExpired(Conflict):
    """Nobody answered before the deadline: refuses a late answer, and is raised in a workflow without a default."""


CUT_SHORT = "The database has failed over, and the newest messages may be lost. Read this conversation from its start."


class StaleCursor(Conflict):
    """The cursor is of a log that a failover of the database has cut short: begin from the start of the run."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or CUT_SHORT)


class TooLarge(RequestError):
    """More bytes than the backend keeps; `str(error)` says how many that would be."""

    status = 413


class InvalidRequest(RequestError):
    status = 422


class SignInUnavailable(RequestError):
    """The identity provider does not answer. The same request may go through later."""

    status = 503


class TooManyRequests(RequestError):
    """One person, or one address, asks for more than its share; after `retry_after_s` the same may go through."""

    status = 429

    def __init__(self, detail: str, retry_after_s: int = 60) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class StoreUnavailable(RequestError):
    """The backend cannot read or keep anything at the moment. The same request may go through later."""

    status = 503


class BackendError(FastAgencyError):
    """The backend could not be asked; `str(error)` is one sentence fit to be shown to a person."""


class BackendUnreachable(BackendError):
    pass


class BackendTimeout(BackendError):
    pass


class BackendRefused(BackendError):
    pass


class SignedOut(BackendRefused):
    pass


class BackendIncompatible(BackendError):
    pass


REQUEST_ERRORS: dict[str, type[RequestError]] = {
    cls.__name__: cls
    for cls in (
        NotSignedIn,
        NotAllowed,
        HostRefused,
        OriginRefused,
        AnonymousRefused,
        UnknownWorkflow,
        UnknownRun,
        UnknownQuestion,
        UnknownSession,
        Conflict,
        AlreadyAnswered,
        QuestionExpired,
        StaleCursor,
        TooLarge,
        InvalidRequest,
        SignInUnavailable,
        TooManyRequests,
        StoreUnavailable,
    )
}
"""By name, so that a client can raise again what a backend refused (`code` of an error reply)."""
