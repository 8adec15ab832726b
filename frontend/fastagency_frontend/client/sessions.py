"""The sessions that the backend keeps for the page, over HTTP."""

from fastagency_shared.errors import InvalidRequest, UnknownSession
from fastagency_shared.provider import Caller
from fastagency_shared.session import NewSession, Session, SessionFound, SessionOpened, SessionUser
from fastagency_shared.user import User
from pydantic import TypeAdapter

from fastagency_frontend.client.http import Http, Request

_NEW = TypeAdapter(SessionOpened)
_FOUND = TypeAdapter(SessionFound)


class HttpSessions:
    """See `fastagency_shared.session.Sessions`."""

    def __init__(self, http: Http, url: str, caller: Caller) -> None:
        self._http = http
        self._url = url
        self._caller = caller

    def begin(self, user: User, visitor: str | None = None) -> NewSession:
        body = {"user": SessionUser.of(user).model_dump(), "visitor": visitor}
        request = Request("POST", self._url, body=body, repeatable=False)
        new = self._http.ask(request, _NEW, self._caller)
        return NewSession(new.session, new.id, new.expires)

    def find(self, secret: str) -> Session | None:
        try:
            found = self._http.ask(Request("POST", f"{self._url}/find", body={"session": secret}), _FOUND, self._caller)
        except (UnknownSession, InvalidRequest):
            return None
        return Session(found.id, found.user.to_user(), found.expires)

    def end(self, secret: str) -> None:
        self._http.tell(Request("DELETE", self._url, body={"session": secret}), self._caller)

    def end_all(self, user_id: str) -> None:
        self._http.tell(Request("DELETE", self._url, body={"user": user_id}), self._caller)
