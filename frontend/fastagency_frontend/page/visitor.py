"""Who is asking? A visitor is known by a random id in a cookie, which needs no secret and no memory of ours.

The id is 128 random bits: to guess another visitor's is hopeless, so it is not signed, and any number of processes
agree on it. It is a claim to the backend, which ignores it where it has an authentication of its own; for that, the
credentials of the browser's request are passed on.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from fastagency_shared.provider import Caller

VISITOR_COOKIE = "fastagency_visitor"
THEME_COOKIE = "fastagency_theme"
YEAR_S = 365 * 24 * 3600

_VISITOR_ID = re.compile(r"[0-9a-f]{32}")

Environ = Mapping[str, Any]


def visitor_id(environ: Environ) -> str | None:
    """The visitor's id, or None for somebody who has no valid one yet."""
    value = read_cookie(environ, VISITOR_COOKIE)
    return value if value and _VISITOR_ID.fullmatch(value) else None


def caller_of(environ: Environ, forward_headers: Iterable[str]) -> Caller | None:
    """On whose behalf this request is served, or None for somebody who has no id yet."""
    visitor = visitor_id(environ)
    return None if visitor is None else Caller(user_id=visitor, headers=forwarded(environ, forward_headers))


def forwarded(environ: Environ, forward_headers: Iterable[str]) -> dict[str, str]:
    """The headers of a person's request that are passed on to the backend."""
    headers = {}
    for name in forward_headers:
        value = environ.get("HTTP_" + name.upper().replace("-", "_"))
        if value:
            headers[name] = str(value)
    return headers


def new_visitor_cookie(environ: Environ, base_path: str = "") -> str:
    """The `Set-Cookie` header that makes a new visitor, for the page below `base_path` only."""
    return _visitor_cookie(environ, base_path, secrets.token_hex(16), YEAR_S)


def clear_visitor_cookie(environ: Environ, base_path: str = "") -> str:
    """The `Set-Cookie` header that removes it: the visitor has signed in."""
    return _visitor_cookie(environ, base_path, "", 0)


def _visitor_cookie(environ: Environ, base_path: str, value: str, max_age_s: int) -> str:
    path = str(environ.get("SCRIPT_NAME") or base_path) + "/"
    secure = "; Secure" if environ.get("wsgi.url_scheme") == "https" else ""
    return f"{VISITOR_COOKIE}={value}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"


def theme_of(environ: Environ) -> str:
    """The theme that the visitor chose: system, light or dark."""
    value = read_cookie(environ, THEME_COOKIE)
    return value if value in ("light", "dark") else "system"


def read_cookie(environ: Environ, name: str) -> str | None:
    """One cookie of a request; a header that cannot be read holds none."""
    try:
        morsel = SimpleCookie(str(environ.get("HTTP_COOKIE") or "")).get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None
