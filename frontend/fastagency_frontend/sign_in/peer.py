"""Where a request comes from, as far as that can be believed: behind a proxy, only the proxy's word counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

UNIX_SOCKET = "unix"
_IPV6_SITE_BITS = 64
"""One household or one machine has at least so many addresses."""


class Trusted:
    """Addresses and networks of proxies; `unix` for one that connects over a socket file.

    Raises:
        ValueError: one of them is neither an address nor a network.
    """

    def __init__(self, names: Iterable[str]) -> None:
        wanted = [name.strip() for name in names if name.strip()]
        self._unix = UNIX_SOCKET in wanted
        self._networks = [ip_network(name) for name in wanted if name != UNIX_SOCKET]

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks)

    def __contains__(self, address: object) -> bool:
        if address == "":
            return self._unix
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)

    def client(self, environ: Mapping[str, Any]) -> str:
        """The address of whoever is in front of all trusted proxies.

        Each proxy adds to the right of `X-Forwarded-For` whom it was asked by; what stands further to the left may be
        invented by the client.
        """
        address = peer(environ)
        told = [each.strip() for each in str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",") if each.strip()]
        while address in self and told:
            address = told.pop()
        return address


def peer(environ: Mapping[str, Any]) -> str:
    """The address of whoever has opened the connection; empty for a socket file."""
    return str(environ.get("REMOTE_ADDR") or "")


def place(address: str) -> str:
    """What an address is counted as: of IPv6, its network."""
    found = _address(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, _IPV6_SITE_BITS), strict=False))
    return str(found or address)


def _address(text: object) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(str(text))
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return found if mapped is None else mapped
