"""Where a request comes from and what it was sent to, as its headers and its connection say. No I/O.

A browser sends a request to whatever address its name server gives it, so an address alone protects nothing: the name
in `Host` shows that a person asked for this server (https://en.wikipedia.org/wiki/DNS_rebinding), and `Origin` that the
page which sends the request is no other site's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator

FORWARDED = ("forwarded", "via", "x-real-ip")
FORWARDED_PREFIX = "x-forwarded-"
DEFAULT_PORTS = {"http": 80, "https": 443}

_HOST = re.compile(r"\*|(\*\.)?[\w-][\w.-]*|\[?[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*\]?")


@lru_cache(maxsize=1024)
def host_of(header: str) -> str | None:
    """The name in a `Host` header, without its port; None if that is none."""
    found = _host_and_port(f"//{header}", "")
    return None if found is None else found[0]


@lru_cache(maxsize=1024)
def is_loopback(name: str) -> bool:
    """Whether a name, or an address, is this machine's for itself."""
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, 6.3: no name server is asked
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def is_listed(name: str, listed: Collection[str]) -> bool:
    """Whether a name is in a list, in which `*` is every name and `*.example.org` every name below that one."""
    return name in listed or any(
        each == "*" or (each.startswith("*.") and name.endswith(each[1:])) for each in listed if each.startswith("*")
    )


@lru_cache(maxsize=1024)
def same_host(origin: str, host: str) -> bool:
    """Whether an `Origin` is a page of the host, whose scheme is a proxy's affair."""
    page = _host_and_port(origin, "")
    return page is not None and page == _host_and_port(f"//{host}", origin.partition("://")[0].lower())


def is_forwarded(header_names: Iterable[str]) -> bool:
    """Whether a proxy has passed a request on, and says so; `header_names` are in small letters."""
    return any(name in FORWARDED or name.startswith(FORWARDED_PREFIX) for name in header_names)


def _host_and_port(address: str, scheme: str) -> tuple[str, int | None] | None:
    """So that a port that may be left out makes no difference."""
    try:
        parts = urlsplit(address)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme or scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname else None


# --- as settings ------------------------------------------------------------------------------------------------------


def _names(value: object) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [name.strip().lower() for name in map(str, names) if name.strip()]


def _read_hosts(value: object) -> list[str]:
    hosts = _names(value)
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} is not the name of a host, without a scheme and a port, such as example.org")
    return [host.strip("[]") for host in hosts]


def _read_origins(value: object) -> list[str]:
    origins = [origin.rstrip("/") for origin in _names(value)]
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in DEFAULT_PORTS or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError(f"{origin!r} is not the origin of a page, such as https://example.org")
    return [_without_default_port(origin) for origin in origins]


def _without_default_port(origin: str) -> str:
    """As a browser writes it."""
    scheme, _, rest = origin.partition("://")
    return f"{scheme}://{rest.removesuffix(f':{DEFAULT_PORTS[scheme]}')}"


Hosts = Annotated[list[str], BeforeValidator(_read_hosts)]
"""A setting: names of hosts, separated by commas."""
Origins = Annotated[list[str], BeforeValidator(_read_origins)]
"""A setting: origins, separated by commas."""
