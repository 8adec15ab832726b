"""Does a request that changes something come from this very page? If not, another site is using the person's cookie.

Mesop asks that too, but it compares addresses only: behind a proxy that passes on the host without its port, or that
speaks TLS for a page which does not know it, the page itself is refused, and no word of it is said anywhere. A browser
knows better than any comparison, and says so in `Sec-Fetch-Site`, which no script can set; it does so on https and on
localhost. Elsewhere the address of the page, in `Origin`, must be one that the request was sent to.
https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastagency_shared.address import same_host

Environ = Mapping[str, Any]

FORWARDED = tuple(f"HTTP_X_FORWARDED_{what}" for what in ("HOST", "PORT", "PREFIX", "PROTO"))
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def refusal(environ: Environ) -> str | None:
    """Why a request must not be served, as a sentence for the person and for the log; None if it may be."""
    if environ.get("REQUEST_METHOD") in READING:
        return None
    site = environ.get("HTTP_SEC_FETCH_SITE")
    origin = str(environ.get("HTTP_ORIGIN", ""))
    if site is not None:
        return None if site == "same-origin" else f"This request comes from another site: {origin or site}."
    asked = [str(environ[name]) for name in ("HTTP_HOST", "HTTP_X_FORWARDED_HOST") if environ.get(name)]
    names = " and ".join(asked) or "nobody"
    if any(same_host(origin, host) for host in asked):
        return None
    return (
        f"The page is open at {origin or 'an unknown address'}, but its server was asked as {names}. "
        "If a proxy is in front of it, the proxy must pass on the host with its port "
        "(nginx: proxy_set_header Host $http_host)."
    )


def vouched(environ: dict[str, Any]) -> None:
    """Let Mesop's own comparison find what was found here: the address that its server believes to have.

    On some platforms Mesop believes forwarded headers, unasked, and would compare with those.
    """
    for name in FORWARDED:
        environ.pop(name, None)
    host = environ.get("HTTP_HOST") or f"{environ.get('SERVER_NAME')}:{environ.get('SERVER_PORT')}"
    environ["HTTP_ORIGIN"] = f"{environ.get('wsgi.url_scheme', 'http')}://{host}"
