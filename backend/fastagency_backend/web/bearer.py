"""Who calls, where people sign in and the application does not say it itself: whoever a bearer token says.

It is a FastAPI dependency, as an application's own `get_user_id` is. What it finds besides the user is noted in the
request's scope, for streams that outlive the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastagency_shared.connection import BEARER_SUBPROTOCOL
from fastagency_shared.user import User
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from fastagency_backend.people.grant import Grant
from fastagency_backend.people.holding import Holding

if TYPE_CHECKING:
    from fastagency_backend.people.bearer import Bearers

GRANT_KEY = "fastagency.grant"

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="A token that the page has signed, that an identity provider has issued, or a personal API token.",
)
Token = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


class BearerUser:
    """The dependency."""

    def __init__(self, bearers: Bearers, holding: Holding) -> None:
        self._bearers, self._holding = bearers, holding

    async def __call__(self, request: Request, token: Token) -> User:
        grant = await self._bearers.read(None if token is None else token.credentials)
        await self._holding.check(grant)
        request.scope[GRANT_KEY] = grant
        return grant.user


def grant_of(connection: HTTPConnection) -> Grant | None:
    """What the caller's token granted; None where there was no need of one."""
    grant: Grant | None = connection.scope.get(GRANT_KEY)
    return grant


def with_bearer(scope: dict[str, Any]) -> dict[str, Any]:
    """A handshake whose token is in the header where everybody looks for it. A browser cannot set that: it sends the
    token as one of its subprotocols.
    """
    if any(name == b"authorization" for name, _ in scope["headers"]):
        return scope
    for offered in scope.get("subprotocols", ()):
        if offered.startswith(BEARER_SUBPROTOCOL):
            token = offered.removeprefix(BEARER_SUBPROTOCOL).encode("latin-1")
            return {**scope, "headers": [*scope["headers"], (b"authorization", b"Bearer " + token)]}
    return scope
