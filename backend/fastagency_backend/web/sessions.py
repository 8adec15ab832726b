"""The routes of sessions, for the page alone: it signs its requests to them with its key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from fastagency_shared.errors import InvalidRequest, UnknownSession
from fastagency_shared.run import MAX_USER_ID_CHARS
from fastagency_shared.session import SessionFound, SessionOpened, SessionUser
from fastagency_shared.user import User
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field, model_validator

from fastagency_backend.people.session import Opened, Sessions
from fastagency_backend.web.bearer import Token

if TYPE_CHECKING:
    from fastagency_backend.people.bearer import Bearers

ENDED = "The session has ended. Sign in again."

Secret = Annotated[str, Field(min_length=1, max_length=200)]


class OpenRequest(BaseModel):
    """`visitor`: who this was before; their conversations become the user's."""

    user: SessionUser
    visitor: Annotated[str, Field(max_length=MAX_USER_ID_CHARS)] | None = None


class SecretRequest(BaseModel):
    session: Secret


class EndRequest(BaseModel):
    """One session by its secret, or all of a user."""

    session: Secret | None = None
    user: Annotated[str, Field(min_length=1, max_length=MAX_USER_ID_CHARS)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.session is None) == (self.user is None):
            raise ValueError("should name either a session or a user")
        return self


def add_routes(router: APIRouter, path: str, bearers: Bearers, sessions: Sessions) -> None:
    async def page(token: Token) -> None:
        bearers.check_page(None if token is None else token.credentials)

    options: dict[str, Any] = {"dependencies": [Depends(page)], "include_in_schema": False}

    @router.post(path, status_code=201, **options)
    async def open_session(request: OpenRequest) -> SessionOpened:
        """Somebody has signed in."""
        return _opened(await sessions.begin(_user(request.user), request.visitor))

    @router.post(f"{path}/find", **options)
    async def find_session(request: SecretRequest) -> SessionFound:
        """Whose session it is."""
        found = await sessions.find(request.session)
        if found is None:
            raise UnknownSession(ENDED)
        return SessionFound(id=found.id, user=SessionUser.of(found.user), expires=_moment(found.expires))

    @router.post(f"{path}/rotate", **options)
    async def rotate_session(request: SecretRequest) -> SessionOpened:
        """Give it another secret."""
        opened = await sessions.rotate(request.session)
        if opened is None:
            raise UnknownSession(ENDED)
        return _opened(opened)

    @router.delete(path, status_code=204, **options)
    async def end_session(request: EndRequest) -> None:
        """End it, or all of a user."""
        if request.session is not None:
            await sessions.end(request.session)
        elif request.user is not None:
            await sessions.end_all(request.user)


def _user(body: SessionUser) -> User:
    try:
        return body.to_user()
    except ValueError as error:
        raise InvalidRequest(str(error)) from None


def _opened(opened: Opened) -> SessionOpened:
    return SessionOpened(session=opened.secret, id=opened.id, expires=_moment(opened.expires))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
