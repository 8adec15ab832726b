"""What a bearer token proves."""

from __future__ import annotations

from dataclasses import dataclass

from fastagency_shared.user import User


@dataclass(frozen=True, slots=True)
class Grant:
    """Who asks. `session` is the page's session that the token belongs to, by its public id."""

    user: User
    session: str | None = None
