"""The sessions that the backend keeps for the page, over HTTP."""

from datetime import datetime

from fastagency_shared.errors import InvalidRequest, UnknownSession
from fastagency_shared.provider import Caller
from fastagency_shared.session import NewSession, Session
from fastagency_shared.user import User
from pydantic import BaseModel, Field, TypeAdapter

from fastagency_frontend.client.http import Http, Request


class _User(BaseModel):
    id: str
    name: str | None = None
    roles: list[str] = Field(default_factory=list)
    email: str | None = None


class _New(BaseModel):
    session: str
    id: str
    expires: datetime


class _Found(BaseModel):
    id: str
    user: _User
    expires: datetime


_NEW = TypeAdapter(_New)
_FOUND = TypeAdapter(_Found)


class HttpSessions:
    """See `fastagency_shared.session.Sessions`."""

    def __init__(self, http: Http, url: str, caller: Caller) -> None:
        self._http = http
        self._url = url
        self._caller = caller

    def begin(self, user: User, visitor: str | None = None) -> NewSession:
        person = {"id": user.id, "name": user.name, "roles": sorted(user.roles), "email": user.email}
        request = Request("POST", self._url, body={"user": person, "visitor": visitor}, repeatable=False)
        new = self._http.ask(request, _NEW, self._caller)
        return NewSession(new.session, new.id, new.expires)

    def find(self, secret: str) -> Session | None:
        try:
            found = self._http.ask(Request("POST", f"{self._url}/find", body={"session": secret}), _FOUND, self._caller)
        except (UnknownSession, InvalidRequest):
            return None
        user = User(found.user.id, found.user.name, frozenset(found.user.roles), found.user.email)
        return Session(found.id, user, found.expires)

    def end(self, secret: str) -> None:
        self._http.tell(Request("DELETE", self._url, body={"session": secret}), self._caller)

    def end_all(self, user_id: str) -> None:
        self._http.tell(Request("DELETE", self._url, body={"user": user_id}), self._caller)
