"""Which requests are looked at at all: decided before anybody asks who calls, from addresses and headers alone.

It holds on every route and on the WebSocket's handshake, except for those that have nothing to hide (`health.py`,
`metrics.py`), which are asked by whatever name and way an operator's tools know.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastagency_shared.address import host_of, is_forwarded, is_listed, is_loopback, same_host
from fastagency_shared.errors import AnonymousRefused, HostRefused, OriginRefused
from starlette.requests import HTTPConnection

from fastagency_backend.settings import BackendSettings

READING = frozenset({"GET", "HEAD", "OPTIONS"})
TEST_HOST, TEST_PEER = "testserver", "testclient"
"""What Starlette's client for tests calls itself; no network has such names."""

NOT_OF_THIS_MACHINE = (
    "This backend asks nobody to sign in, so it answers this machine only. Set up a sign-in (get_user_id), or "
    "FASTAGENCY_ALLOW_ANONYMOUS=1 if everybody who can reach it may use it."
)


class Gate:
    """`signs_in`: somebody says who calls, so that a request may come from anywhere."""

    def __init__(self, settings: BackendSettings, *, signs_in: bool) -> None:
        self._hosts, self._origins = frozenset(settings.allowed_hosts), frozenset(settings.allowed_origins)
        self._from_anywhere = signs_in or settings.allow_anonymous

    def check(self, connection: HTTPConnection, *, changes: bool) -> None:
        """Let a request pass, or raise why not; `changes`: it may do more than read.

        Raises:
            HostRefused, OriginRefused, AnonymousRefused
        """
        headers = connection.headers
        host = headers.get("host", "")
        self._check_host(host)
        if changes:
            self._check_origin(headers, host)
        if not self._from_anywhere and not is_of_this_machine(connection):
            raise AnonymousRefused(NOT_OF_THIS_MACHINE)

    def _check_host(self, host: str) -> None:
        name = host_of(host)
        if name is None or not (is_loopback(name) or name == TEST_HOST or is_listed(name, self._hosts)):
            raise HostRefused(
                f"This backend is not known as {host[:100]!r}. If it should be, add the name to "
                "FASTAGENCY_ALLOWED_HOSTS."
            )

    def _check_origin(self, headers: Mapping[str, str], host: str) -> None:
        origin = headers.get("origin")
        if origin is None or same_host(origin, host) or origin.lower() in self._origins:
            return
        raise OriginRefused(
            f"This request comes from a page of another site, {origin[:100]!r}. If it should be let in, add that to "
            "FASTAGENCY_ALLOWED_ORIGINS."
        )


def is_of_this_machine(connection: HTTPConnection) -> bool:
    """A socket of the file system has no address, and is of this machine."""
    peer = connection.client
    local = peer is None or is_loopback(peer.host) or peer.host == TEST_PEER
    return local and not is_forwarded(connection.headers.keys())
