"""Who is calling: the application's own FastAPI dependency, asked in the same way on HTTP and on the WebSocket.

Without a dependency a caller is whoever they claim to be (`user_id` in the request), which is right for a laptop and
behind a gateway that sets it, and no protection at all otherwise; the docs say so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from fastagency_shared.run import MAX_USER_ID_CHARS, USER_HEADER
from fastapi import Depends, Header, Query, Request, WebSocket
from fastapi.routing import APIRoute

SCOPE_KEY = "fastagency.user_id"

GetUserId = Callable[..., Any]


@dataclass(frozen=True)
class Denied:
    """The dependency refused: what it would have answered over HTTP."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class Identity:
    """`get_user_id` is any FastAPI dependency; it returns the user's id, or None for an anonymous user."""

    def __init__(self, get_user_id: GetUserId | None) -> None:
        self._get_user_id = get_user_id

    @property
    def claims_count(self) -> bool:
        """Whether a `user_id` in a request is believed."""
        return self._get_user_id is None

    def resolve(self, user_id: object, claimed: str | None) -> str | None:
        """The owner's id, from what the dependency returned and what the request claims."""
        if self.claims_count:
            return None if claimed in (None, "", "None") else claimed
        return None if user_id is None else str(user_id)

    @property
    def dependency(self) -> Callable[..., Any]:
        """For a route: gives the dependency's user id (None where claims count)."""
        return self._get_user_id if self._get_user_id is not None else _nobody

    @property
    def dependencies(self) -> list[Any]:
        """For a route that asks `of` who is calling: nothing is put to FastAPI where claims count."""
        return [] if self._get_user_id is None else [Depends(_noted(self._get_user_id))]

    def of(self, request: Request) -> object:
        """What the dependency returned."""
        return request.scope.get(SCOPE_KEY)

    def caller(self) -> Callable[..., Any]:
        """For the run routes, a dependency that gives the owner's id; a claim is in a header or in the query."""
        header = Header(
            default=None,
            alias=USER_HEADER,
            max_length=3 * MAX_USER_ID_CHARS,
            description="Like `user_id`, percent-encoded; does not end up in access logs.",
        )
        claim = Query(
            default=None,
            alias="user_id",
            max_length=MAX_USER_ID_CHARS,
            description="Whose runs; counts only where the backend does not authenticate.",
        )

        async def caller(
            user_id: Any = Depends(self.dependency), in_header: str | None = header, in_query: str | None = claim
        ) -> str | None:
            return self.resolve(user_id, in_query if in_header is None else unquote(in_header))

        return caller

    async def ask(self, websocket: WebSocket) -> object:
        """The user id for a WebSocket handshake, or `Denied`.

        The dependency may want a `Request`, which FastAPI does not give it on a WebSocket; so the handshake (it is an
        HTTP GET after all) is put to a route of ours that has the dependency, and nothing else.
        """
        if self.claims_count:
            return None
        scope = {**websocket.scope, "type": "http", "method": "GET"}
        answer = _Answer()
        route = APIRoute("/", _noted(self.dependency), dependency_overrides_provider=websocket.scope.get("app"))
        await route.app(scope, _no_body, answer.send)
        if answer.status >= 300:
            return Denied(answer.status, answer.body, answer.headers)
        return scope[SCOPE_KEY]


async def _nobody() -> None:
    return None


def _noted(dependency: GetUserId) -> Callable[..., Any]:
    async def note(request: Request, user_id: Any = Depends(dependency)) -> None:
        request.scope[SCOPE_KEY] = user_id

    return note


class _Answer:
    """Takes down what an ASGI application sends."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


async def _no_body() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
