"""One HTTP client for all threads of a process; whatever goes wrong comes out as one of `fastagency_shared.errors`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from fastagency_shared.errors import InvalidRequest
from fastagency_shared.provider import Caller
from fastagency_shared.run import USER_HEADER
from pydantic import TypeAdapter, ValidationError

from fastagency_frontend.client import errors
from fastagency_frontend.client.endpoint import Endpoint
from fastagency_frontend.client.perprocess import PerProcess

T = TypeVar("T")

CONNECT_TIMEOUT_S = 5.0
# Below the 5 s after which uvicorn closes an idle connection: else a request may run into the close.
KEEPALIVE_S = 3.0
MAX_CONNECTIONS = 100

# These belong to one connection or to one request, not to the person on whose behalf it is made.
NOT_PASSED_ON = frozenset(
    [
        "host",
        "connection",
        "upgrade",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "proxy-connection",
        "content-length",
        "content-type",
        "content-encoding",
        "accept",
        "accept-encoding",
        "expect",
    ]
)


@dataclass(frozen=True)
class Request:
    """One request. `repeatable`: twice does no more than once, so that it is made again on a cut connection."""

    method: str
    url: str
    query: Mapping[str, str | int | None] = field(default_factory=dict)
    body: Any = None
    repeatable: bool = True


class Http:
    """Asks a backend, on behalf of a `Caller`. Thread-safe; connects when first used, and again after a fork."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        headers: Mapping[str, str],
        token: str | Callable[[], str] | None = None,
        timeout_s: float,
        transport: httpx.BaseTransport | None,
    ) -> None:
        self._endpoint = endpoint
        self._headers = dict(headers)
        self._token = token
        self._timeout_s = timeout_s
        self._transport = transport
        self._client = PerProcess(self._make)

    def ask(self, request: Request, reads: TypeAdapter[T], caller: Caller) -> T:
        """Send a request and read the JSON of the reply.

        Raises:
            RequestError: the backend says that the caller asked for something wrong.
            BackendError: the backend could not be asked, or what it answered is not understood.
        """
        reply = self._send(request, caller)
        try:
            return reads.validate_json(reply.content)
        except ValidationError:
            raise errors.not_fastagency(self._endpoint.url) from None

    def tell(self, request: Request, caller: Caller) -> None:
        """Send a request whose reply has no content. Raises as `ask`."""
        self._send(request, caller)

    def headers(self, caller: Caller) -> dict[str, str]:
        """What goes with every request of this caller, credentials included. Never to be logged."""
        own = {"authorization": self._endpoint.authorization} if self._endpoint.authorization else {}
        lowered = {name.lower(): value for name, value in (*self._headers.items(), *caller.headers.items())}
        passed_on = own | _bearer(self._token) | {name: value for name, value in lowered.items() if _passed_on(name)}
        if caller.token is not None:
            passed_on |= _bearer(caller.token)
        elif caller.user_id is not None:
            passed_on[USER_HEADER.lower()] = quote(caller.user_id, safe="")
        for name, value in passed_on.items():
            if not set(value).isdisjoint("\r\n\0"):
                raise InvalidRequest(f"The header {name!r} cannot be passed on: its value has a line break in it.")
            if not value.isascii():
                raise InvalidRequest(f"The header {name!r} cannot be passed on: its value is not all ASCII.")
        return passed_on

    def close(self) -> None:
        """Close the idle connections of this process; the next request opens new ones."""
        client = self._client.take()
        if client is not None:
            client.close()

    def _send(self, request: Request, caller: Caller) -> httpx.Response:
        try:
            reply = self._twice(request, caller) if request.repeatable else self._once(request, caller)
        except (httpx.HTTPError, OSError) as error:
            raise errors.of_exception(error, self._endpoint.url) from error
        if not reply.is_success:
            raise errors.of_reply(reply, self._endpoint.url)
        return reply

    def _twice(self, request: Request, caller: Caller) -> httpx.Response:
        try:
            return self._once(request, caller)
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:
            if isinstance(error, httpx.ConnectError):
                raise
            # An idle connection that the backend had just closed, as a rule: a fresh one works.
            return self._once(request, caller)

    def _once(self, request: Request, caller: Caller) -> httpx.Response:
        query = {name: value for name, value in request.query.items() if value is not None}
        return self._client.get().request(
            request.method, request.url, params=query, json=request.body, headers=self.headers(caller)
        )

    def _make(self) -> httpx.Client:
        return httpx.Client(
            transport=self._transport,
            timeout=httpx.Timeout(self._timeout_s, connect=min(CONNECT_TIMEOUT_S, self._timeout_s)),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_S),
        )


def _bearer(token: str | Callable[[], str] | None) -> dict[str, str]:
    if token is None:
        return {}
    return {"authorization": f"Bearer {token if isinstance(token, str) else token()}"}


def _passed_on(name: str) -> bool:
    return name not in NOT_PASSED_ON and not name.startswith("sec-websocket-")
