"""What went wrong between this process and a backend, mapped to `fastagency_shared.errors` by one table for each kind.

Every sentence names the backend's address, which has no credentials in it, and says what to do. Nothing here logs or
shows a header, a body that was sent, or a traceback.
"""

import json
import ssl
from collections.abc import Mapping
from typing import Any

import httpx
from fastagency_shared.connection import CloseCode, worth_coming_back
from fastagency_shared.errors import (
    CUT_SHORT,
    REQUEST_ERRORS,
    BackendError,
    BackendIncompatible,
    BackendRefused,
    BackendTimeout,
    BackendUnreachable,
    FastAgencyError,
    InvalidRequest,
    RequestError,
    SignedOut,
    StaleCursor,
    TooLarge,
    UnknownRun,
)
from fastagency_shared.fault import describe_request
from websockets.exceptions import InvalidStatus, WebSocketException

MAX_DETAIL_CHARS = 500


class RouteMissing(BackendIncompatible):
    """The backend does not have this route: not FastAgency, too old, or under other paths."""


ErrorRow = tuple[type[FastAgencyError], str]

_UNREACHABLE: ErrorRow = (
    BackendUnreachable,
    "The backend at {url} cannot be reached. Start it, or correct its address.",
)
_CUT: ErrorRow = (BackendUnreachable, "The backend at {url} cut the connection. It may be restarting: try again.")
_SLOW: ErrorRow = (BackendTimeout, "The backend at {url} did not answer in time. Try again, or look at its log.")
_CERTIFICATE: ErrorRow = (
    BackendIncompatible,
    "No secure connection to {url}: its certificate is not accepted here, or it does not speak TLS.",
)
_NOT_FASTAGENCY: ErrorRow = (
    BackendIncompatible,
    "What answers at {url} is not a FastAgency backend that this client understands. Correct the address, or "
    "install the same version of FastAgency on both sides.",
)
_MISSING: ErrorRow = (
    RouteMissing,
    "The backend at {url} has no route for this (HTTP {status}). It is too old, is not a FastAgency backend, or "
    "has other paths: then name them (discovery_path, initiate_workflow_path, ws_path).",
)
_NO_SOCKET: ErrorRow = (
    BackendRefused,
    "The backend at {url} does not allow this conversation to be followed (HTTP 403), or its WebSocket has another "
    "path: then name it (ws_path).",
)
_REDIRECT: ErrorRow = (
    BackendIncompatible,
    "What answers at {url} redirects elsewhere (HTTP {status}). Use the address that it redirects to.",
)
_FAILED: ErrorRow = (BackendError, "The backend at {url} failed (HTTP {status}). Its log says why.")

_TRANSPORT: tuple[tuple[type[Exception], ErrorRow], ...] = (
    (httpx.TimeoutException, _SLOW),
    (httpx.ConnectError, _UNREACHABLE),
    (httpx.ProxyError, (BackendUnreachable, "The proxy between here and {url} failed. Look at its settings.")),
    (httpx.UnsupportedProtocol, _NOT_FASTAGENCY),
    (httpx.DecodingError, _NOT_FASTAGENCY),
    (httpx.TransportError, _CUT),
    (TimeoutError, _SLOW),
    (OSError, _UNREACHABLE),
    (WebSocketException, _CUT),
)

_STATUS: dict[int, ErrorRow] = {
    401: (SignedOut, "The backend at {url} does not know who you are (HTTP 401). Sign in and try again."),
    403: (BackendRefused, "The backend at {url} does not allow this (HTTP 403)."),
    404: _MISSING,
    405: _MISSING,
    408: _SLOW,
    413: (TooLarge, "This is too large for the backend (HTTP 413). Please shorten it."),
    429: (BackendRefused, "The backend at {url} is asked too often (HTTP 429). Wait a little and try again."),
    501: _MISSING,
    502: _UNREACHABLE,
    503: (BackendUnreachable, "The backend at {url} is not ready (HTTP 503). Try again in a moment."),
    504: _SLOW,
}

_CLOSE_CODE: dict[int, ErrorRow] = {
    CloseCode.POLICY: (BackendRefused, "The backend at {url} does not allow this."),
    CloseCode.MALFORMED: (InvalidRequest, "The backend did not understand this client."),
    CloseCode.UNAUTHENTICATED: (
        SignedOut,
        "The backend at {url} does not know who you are. Sign in and try again.",
    ),
    CloseCode.FORBIDDEN: (BackendRefused, "The backend at {url} does not allow this."),
    CloseCode.NOT_FOUND: (UnknownRun, "There is no such conversation, or it is not yours."),
    CloseCode.STALE_CURSOR: (StaleCursor, CUT_SHORT),
}


def of_exception(error: Exception, url: str) -> FastAgencyError:
    """What a failure of the connection means."""
    if isinstance(error, InvalidStatus):
        return _of_handshake(error, url)
    if _about_tls(error):
        return _made(_CERTIFICATE, url)
    row = next((row for kind, row in _TRANSPORT if isinstance(error, kind)), _NOT_FASTAGENCY)
    return _made(row, url)


def of_reply(reply: httpx.Response, url: str) -> FastAgencyError:
    """What a reply means whose status is not 2xx."""
    return of_status(reply.status_code, url, _json(reply.content))


def of_status(status: int, url: str, body: Any) -> FastAgencyError:
    """What a status other than 2xx means, with the JSON body that came with it, if one did."""
    detail = body.get("detail") if isinstance(body, Mapping) else None
    said = detail[:MAX_DETAIL_CHARS] if isinstance(detail, str) else ""
    code = body.get("code") if isinstance(body, Mapping) else None
    if status == 401 or (status == 403 and code not in REQUEST_ERRORS):
        error = _made(_STATUS[status], url)
        return type(error)(f"{error} It says: {said}") if said else error
    if isinstance(code, str) and said:
        return REQUEST_ERRORS.get(code, RequestError)(said)
    if status == 422:
        # FastAPI's own reply to a malformed request is a list of problems.
        problems = [each for each in detail if isinstance(each, Mapping)] if isinstance(detail, list) else []
        return InvalidRequest(said or describe_request(problems)[:MAX_DETAIL_CHARS])
    if status in _STATUS:
        return _made(_STATUS[status], url, status)
    if 300 <= status < 400:
        return _made(_REDIRECT, url, status)
    return _made(_FAILED if status >= 500 else _NOT_FASTAGENCY, url, status)


def of_close(code: int, url: str, said: str | None) -> FastAgencyError | None:
    """What the close of a WebSocket means, with what the backend said about it; None if it is worth coming back."""
    if worth_coming_back(code):
        return None
    row = _CLOSE_CODE.get(code)
    if row is None:
        return BackendError(said or f"The backend at {url} closed the connection ({code}).")
    return row[0](said) if said else _made(row, url)


def not_fastagency(url: str) -> FastAgencyError:
    """What answers is not what this client understands."""
    return _made(_NOT_FASTAGENCY, url)


def given_up(url: str, away_s: float) -> BackendUnreachable:
    """The backend stayed away for too long."""
    return BackendUnreachable(
        f"The backend at {url} has been away for {away_s:.0f} seconds. Start it, or come back later: the conversation "
        "is kept there."
    )


def _of_handshake(error: InvalidStatus, url: str) -> FastAgencyError:
    body = _json(error.response.body)
    if error.response.status_code == 403 and body is None:
        # This is also how a server of ASGI answers where it has no WebSocket.
        return _made(_NO_SOCKET, url)
    return of_status(error.response.status_code, url, body)


def _json(body: bytes | bytearray | None) -> Any:
    try:
        return json.loads(body or b"")
    except ValueError:
        return None


def _made(row: ErrorRow, url: str, status: int = 0) -> FastAgencyError:
    kind, sentence = row
    return kind(sentence.format(url=url, status=status))


def _about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
