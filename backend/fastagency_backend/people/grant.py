"""What a bearer token proves, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from fastagency_shared.user import User


@dataclass(frozen=True, slots=True)
class Grant:
    """Who asks. It holds as long as the page's session (by its public id) and the API token (by its id) do, if there is
    one, and until a moment.
    """

    user: User
    session: str | None = None
    token: str | None = None
    until: float | None = None
