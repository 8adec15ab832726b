"""Who is calling: the application's own FastAPI dependency, asked in the same way on HTTP and on the WebSocket.

Without a dependency a caller is whoever they claim to be (`user_id` in the request), which is right for a laptop and
behind a gateway that sets it, and no protection at all otherwise; the docs say so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from fastagency_shared.errors import InvalidRequest
from fastagency_shared.run import MAX_USER_ID_CHARS, USER_HEADER
from fastagency_shared.user import User
from fastapi import Depends, Header, Query, Request, WebSocket
from starlette.requests import HTTPConnection

from fastagency_backend.people.directory import Directory
from fastagency_backend.people.holding import Holding, Watch
from fastagency_backend.web.bearer import GRANT_KEY, grant_of, with_bearer
from fastagency_backend.web.problem import ProblemRoute

SCOPE_KEY = "fastagency.user_id"

GetUserId = Callable[..., Any]


@dataclass(frozen=True)
class Denied:
    """The dependency refused: what it would have answered over HTTP."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class Identity:
    """`get_user_id` is any FastAPI dependency; `user_of` says what it may return."""

    def __init__(
        self, get_user_id: GetUserId | None, directory: Directory | None = None, holding: Holding | None = None
    ) -> None:
        self._get_user_id = get_user_id
        self._directory, self._holding = directory, holding

    @property
    def claims_count(self) -> bool:
        """Whether a `user_id` in a request is believed."""
        return self._get_user_id is None

    def resolve(self, found: User | None, claimed: str | None) -> User | None:
        """Who calls, from what the dependency says and what the request claims."""
        if not self.claims_count:
            return found
        return None if claimed in (None, "", "None") else _claimed(claimed)

    @property
    def dependencies(self) -> list[Any]:
        """For a route that asks `of` who is calling: nothing is put to FastAPI where claims count."""
        return [] if self._get_user_id is None else [Depends(self._noted(self._get_user_id))]

    def of(self, request: Request) -> User | None:
        """Whom the dependency has found."""
        found: User | None = request.scope.get(SCOPE_KEY)
        return found

    def caller(self) -> Callable[..., Any]:
        """For the run routes, a dependency that gives who calls; a claim is in a header or in the query."""
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
            request: Request,
            found: Any = Depends(self._get_user_id or _nobody),
            in_header: str | None = header,
            in_query: str | None = claim,
        ) -> User | None:
            return self.resolve(
                await self._known(request, found), in_query if in_header is None else unquote(in_header)
            )

        return caller

    def owner(self) -> Callable[..., Any]:
        """`caller`, by their id."""

        async def owner(user: Any = Depends(self.caller())) -> str | None:
            return id_of(user)

        return owner

    async def ask(self, websocket: WebSocket) -> User | Denied | None:
        """Who asks for a WebSocket handshake, or `Denied`.

        The dependency may want a `Request`, which FastAPI does not give it on a WebSocket; so the handshake (it is an
        HTTP GET after all) is put to a route of ours that has the dependency, and nothing else.
        """
        if self._get_user_id is None:
            return None
        scope = with_bearer({**websocket.scope, "type": "http", "method": "GET"})
        answer = _Answer()
        route = ProblemRoute(
            "/", self._noted(self._get_user_id), dependency_overrides_provider=websocket.scope.get("app")
        )
        await route.app(scope, _no_body, answer.send)
        if answer.status >= 300:
            return Denied(answer.status, answer.body, answer.headers)
        websocket.scope[GRANT_KEY] = scope.get(GRANT_KEY)
        found: User | None = scope[SCOPE_KEY]
        return found

    def watching(self, connection: HTTPConnection) -> AbstractContextManager[Watch]:
        """Around what stays open after a request: whether its caller may still see it."""
        return nullcontext(Watch()) if self._holding is None else self._holding.watch(grant_of(connection))

    def _noted(self, dependency: GetUserId) -> Callable[..., Any]:
        async def note(request: Request, found: Any = Depends(dependency)) -> None:
            request.scope[SCOPE_KEY] = await self._known(request, found)

        return note

    async def _known(self, request: Request, found: object) -> User | None:
        """The user, who is in the directory from now on. An API token knows them from there."""
        user = user_of(found)
        grant = grant_of(request)
        if user is not None and self._directory is not None and (grant is None or grant.token is None):
            await self._directory.see(user)
        return user


def user_of(found: object) -> User | None:
    """What a `get_user_id` has returned, as a user. Never the text of any object: that is its address, and addresses
    are used again.

    Raises:
        TypeError: it is no id.
    """
    match found:
        case None | User():
            return found
        case bool():
            pass
        case str() if found:
            return User(str.__str__(found))
        case int() | UUID():
            return User(str(found))
    what = "an empty text" if found == "" else _named(type(found))
    raise TypeError(
        f"get_user_id returned {what}. It must return a str, an int, a UUID, a fastagency.User, or None for nobody."
    )


def id_of(user: User | None) -> str | None:
    """Under which a user's runs are kept; None for nobody."""
    return None if user is None else user.id


def _named(kind: type) -> str:
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _claimed(user_id: str) -> User:
    try:
        return User(user_id)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None


async def _nobody() -> None:
    return None


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
