"""`ProxyHeader`: a proxy in front of the page has people signed in, and says in a header who asks.

The header counts only if the request comes from one of the proxy's own addresses. The proxy must replace what a client
sends under that name; of one that adds to it instead, both values arrive, and neither is believed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from fastagency_shared.errors import InvalidSettings
from fastagency_shared.user import User

from fastagency_frontend.sign_in.base import Accepted, Environ, Form, Refused, Visit
from fastagency_frontend.sign_in.peer import Trusted, peer

NOT_NAMED = "You are not signed in. Please open this page at the address that you were given."

logger = logging.getLogger(__name__)


class ProxyHeader:
    """Sign-in by a proxy, such as oauth2-proxy, that names the person in a header of each request.

    Args:
        name: the header, such as `X-Forwarded-User`; its value is the user's id.
        trusted: addresses and networks of the proxy, such as `10.0.0.0/8`; `unix` for a socket file.
        roles: the header with the roles, separated by commas.
        sign_out_url: where the proxy lets people sign out, such as `/oauth2/sign_out`.

    Raises:
        InvalidSettings: no proxy is named, or something that is no address.
    """

    def __init__(
        self, name: str, trusted: Iterable[str] | Trusted, *, roles: str | None = None, sign_out_url: str | None = None
    ) -> None:
        self.sign_out_url = sign_out_url
        self.signs_out = sign_out_url is not None
        self._user, self._roles = _variable(name), _variable(roles) if roles else None
        self.headers = frozenset(filter(None, (self._user, self._roles)))
        try:
            self._trusted = trusted if isinstance(trusted, Trusted) else Trusted(trusted)
        except ValueError as error:
            raise InvalidSettings(f"ProxyHeader(trusted=...): {error}.") from None
        if not self._trusted:
            raise InvalidSettings(
                "Signing in by a proxy needs the proxy's addresses, as anybody can send a header "
                "(FASTAGENCY_TRUSTED_PROXIES, such as 10.0.0.5 or 10.0.0.0/8)."
            )

    def check(self) -> None:
        """See `SignIn`."""

    def of_request(self, environ: Environ) -> User | None:
        """See `SignIn`."""
        told = str(environ.get(self._user, "")).strip()
        if not told:
            return None
        if peer(environ) not in self._trusted:
            logger.warning("A request from %s names its user, but it is no proxy that is trusted", peer(environ))
            return None
        try:
            return User(_text(told), roles=self._roles_of(environ))
        except ValueError:
            logger.warning(
                "The proxy names the user in a way that is not understood; does it pass on what clients send?"
            )
            return None

    def begin(self, visit: Visit) -> Form | Refused:
        """See `SignIn`: whoever comes here was not named."""
        return Refused(NOT_NAMED)

    def finish(self, visit: Visit, said: Mapping[str, str], kept: Mapping[str, str]) -> Accepted | Refused:
        """See `SignIn`."""
        return Refused(NOT_NAMED)

    def current(self, user: User) -> User | None:
        """See `SignIn`: each request says it anew, and a session of earlier days says nothing."""
        return None

    def _roles_of(self, environ: Environ) -> frozenset[str]:
        told = str(environ.get(self._roles, "")) if self._roles else ""
        return frozenset(role.strip() for role in _decoded(told).split(",") if role.strip())


def _variable(header: str) -> str:
    return "HTTP_" + header.strip().upper().replace("-", "_")


def _text(told: str) -> str:
    if "," in told:
        raise ValueError("two values")
    return _decoded(told)


def _decoded(told: str) -> str:
    """WSGI gives bytes as characters; proxies send UTF-8. Raises `ValueError`."""
    return told.encode("latin-1").decode("utf-8")
