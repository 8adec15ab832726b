"""Cookies that no other site and no other page of the same host can plant: their names say how they were set.

A browser takes `__Host-` and `__Secure-` only from a secure answer, `__Host-` only for exactly this host and all of its
paths. On plain http, as on one's own machine, there is nothing of the kind.
https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#name-cookie-name-prefixes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any

Environ = Mapping[str, Any]


@dataclass(frozen=True)
class Cookie:
    """A cookie of the page below `path`, which ends with a slash. No script can read it."""

    name: str
    path: str = "/"

    def read(self, environ: Environ, *, secure: bool) -> str | None:
        """Its value. On https a plain one is somebody else's."""
        found = read_cookie(environ, self._full_name(secure=True))
        return found if found or secure else read_cookie(environ, self.name)

    def set(self, value: str, *, secure: bool, max_age_s: int | None = None) -> str:
        """The header that sets it; without an age it ends with the browser."""
        age = "" if max_age_s is None else f"; Max-Age={max_age_s}"
        name = self._full_name(secure=secure)
        return f"{name}={value}; Path={self.path}{age}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"

    def clear(self, *, secure: bool) -> str:
        """The header that removes it."""
        return self.set("", secure=secure, max_age_s=0)

    def _full_name(self, *, secure: bool) -> str:
        if not secure:
            return self.name
        return f"__Host-{self.name}" if self.path == "/" else f"__Secure-{self.name}"


def read_cookie(environ: Environ, name: str) -> str | None:
    """One cookie of a request; a header that cannot be read holds none."""
    try:
        morsel = SimpleCookie(str(environ.get("HTTP_COOKIE") or "")).get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None
