"""May this request be served at all, where it comes from and what it was sent to?

Where nobody signs in, the page is for the person at this machine: others have to be let in by a setting. A page of
another site, whose name leads here (DNS rebinding), is known by the name that the request was sent to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastagency_shared.address import host_of, is_forwarded, is_listed, is_loopback

from fastagency_frontend.settings import FrontendSettings

NOT_OF_THIS_MACHINE = (
    "Nobody signs in to this page, so it is shown on this machine only. Set up a sign-in, or "
    "FASTAGENCY_ALLOW_ANONYMOUS=1 if everybody who can reach it may use it."
)


@dataclass(frozen=True)
class Exposure:
    """`from_anywhere`: somebody signs in, or need not. `hosts`: the names that it is known by, besides localhost."""

    from_anywhere: bool
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, settings: FrontendSettings, *, signs_in: bool) -> Exposure:
        return cls(signs_in or settings.allow_anonymous, frozenset(settings.allowed_hosts))

    def refusal(self, environ: Mapping[str, Any]) -> str | None:
        """Why a request must not be served, as a sentence; None if it may be."""
        if not self.from_anywhere and not _is_of_this_machine(environ):
            return NOT_OF_THIS_MACHINE
        if self.from_anywhere and not self.hosts:
            return None
        host = str(environ.get("HTTP_HOST", ""))
        name = host_of(host)
        if name is None or not (is_loopback(name) or is_listed(name, self.hosts)):
            return (
                f"This page is not known as {host[:100]!r}. If it should be, add the name to FASTAGENCY_ALLOWED_HOSTS."
            )
        return None


ONLY_HERE = Exposure(from_anywhere=False)


def _is_of_this_machine(environ: Mapping[str, Any]) -> bool:
    """A socket of the file system has no address, and is of this machine."""
    peer = str(environ.get("REMOTE_ADDR") or "")
    names = (name.removeprefix("HTTP_").replace("_", "-").lower() for name in environ if name.startswith("HTTP_"))
    return (not peer or is_loopback(peer)) and not is_forwarded(names)
