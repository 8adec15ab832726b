"""What a way of signing in is, for whoever asks people to: `SignIn`, and what it answers.

It knows neither cookies nor sessions nor how anything looks; `page/door.py` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastagency_shared.user import User

Environ = Mapping[str, Any]


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is to sign in.

    `address` is where they are, `callback` the whole address of our route to which a provider sends them back, and
    `target` what they asked for.
    """

    address: str
    callback: str
    target: str = ""


@dataclass(frozen=True)
class Form:
    """Ask for a name and a password."""


@dataclass(frozen=True)
class Elsewhere:
    """Send the browser to `url`. It brings `kept` back in a cookie, and what `url` has to say in the address."""

    url: str
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Accepted:
    """This is who it is."""

    user: User


@dataclass(frozen=True)
class Refused:
    """A sentence for the person; `wait_s` is how long there is no point in another attempt."""

    sentence: str
    status: str = "403 Forbidden"
    wait_s: int = 0


class SignIn(Protocol):
    """A way of signing in. Thread-safe, and usable on both sides of a fork."""

    @property
    def signs_out(self) -> bool:
        """Whether people can sign out here."""
        ...

    @property
    def sign_out_url(self) -> str | None:
        """Where a person goes who signs out, if that is not our own affair."""
        ...

    @property
    def headers(self) -> frozenset[str]:
        """What of a request nobody else may see, as WSGI names it."""
        ...

    def check(self) -> None:
        """Called once, before anybody comes. Raises `InvalidSettings`."""
        ...

    def of_request(self, environ: Environ) -> User | None:
        """Whom the request itself names, so that no session is needed; None if it is no way to do that."""
        ...

    def begin(self, visit: Visit) -> Form | Elsewhere | Refused:
        """Somebody wants to sign in."""
        ...

    def finish(self, visit: Visit, said: Mapping[str, str], kept: Mapping[str, str]) -> Accepted | Refused:
        """What they said, in the form or in the address, and what was kept for it. May take seconds."""
        ...

    def current(self, user: User) -> User | None:
        """Somebody who signed in before, with today's roles and name; None if they may not be here any more."""
        ...
