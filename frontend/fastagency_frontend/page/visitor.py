"""Who is asking? A visitor is known by a random id in a cookie, which needs no secret and no memory of ours.

The id is 128 random bits: to guess another visitor's is hopeless, so it is not signed, and any number of processes
agree on it. It is a claim to the backend, which ignores it where it has an authentication of its own; for that, the
credentials of the browser's request are passed on.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from fastagency_shared.errors import RequestError
from fastagency_shared.provider import Caller

from fastagency_frontend.page.cookie import Cookie, read_cookie

VISITOR_COOKIE = "fastagency_visitor"
THEME_COOKIE = "fastagency_theme"
YEAR_S = 365 * 24 * 3600
ROOT_KEY = "fastagency.root"
"""Where the WSGI layer says below which path the page is."""

_VISITOR_ID = re.compile(r"[0-9a-f]{32}")

Environ = Mapping[str, Any]


def visitor_id(environ: Environ) -> str | None:
    """The visitor's id, or None for somebody who has no valid one yet."""
    value = _cookie(environ).read(environ, secure=is_https(environ))
    return value if value and _VISITOR_ID.fullmatch(value) else None


def caller_of(environ: Environ, forward_headers: Iterable[str]) -> Caller | None:
    """On whose behalf this request is served, or None for somebody who has no id yet."""
    visitor = visitor_id(environ)
    return None if visitor is None else Caller(user_id=visitor, headers=forwarded(environ, forward_headers))


def forwarded(environ: Environ, forward_headers: Iterable[str]) -> dict[str, str]:
    """The headers of a person's request that are passed on to the backend.

    Raises:
        RequestError: one of them holds what cannot be passed on.
    """
    headers = {}
    for name in forward_headers:
        value = environ.get("HTTP_" + name.upper().replace("-", "_"))
        if value and not str(value).isascii():
            raise RequestError(f"The header {name} of this request may only hold ASCII characters.")
        if value:
            headers[name] = str(value)
    return headers


def new_visitor_cookie(environ: Environ) -> str:
    """The `Set-Cookie` header that makes a new visitor, for this page only."""
    return _cookie(environ).set(secrets.token_hex(16), secure=is_https(environ), max_age_s=YEAR_S)


def clear_visitor_cookie(environ: Environ) -> str:
    """The `Set-Cookie` header that removes it: the visitor has signed in."""
    return _cookie(environ).clear(secure=is_https(environ))


def is_https(environ: Environ) -> bool:
    """Whether the browser is on https, as its connection or a proxy says; a lie harms only the liar's cookie."""
    told = str(environ.get("HTTP_X_FORWARDED_PROTO", "")).partition(",")[0].strip()
    return "https" in (environ.get("wsgi.url_scheme"), told)


def _cookie(environ: Environ) -> Cookie:
    return Cookie(VISITOR_COOKIE, f"{environ.get('SCRIPT_NAME') or environ.get(ROOT_KEY, '')}/")


def theme_of(environ: Environ) -> str:
    """The theme that the visitor chose: system, light or dark."""
    value = read_cookie(environ, THEME_COOKIE)
    return value if value in ("light", "dark") else "system"
