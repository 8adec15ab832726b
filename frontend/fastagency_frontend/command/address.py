"""Where a server is to listen: can it, and what does a person type into a browser? Both sides ask here."""

from __future__ import annotations

import errno
import socket
import sys
from typing import Literal

from fastagency_shared.errors import FastAgencyError

UNUSED_PORTS_BEGIN = 1024


class CannotListen(FastAgencyError):
    """Nothing can listen there; `str(error)` names the setting to change."""


def free_port(side: Literal["backend", "frontend", "worker"], host: str, port: int) -> int:
    """The port itself if it can be listened on, a free one for 0.

    Raises:
        CannotListen: it is taken or reserved, or the host is not this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform != "win32":  # there, it would let two servers share the port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise CannotListen(_why_not(error, f"FASTAGENCY_{side.upper()}", host, port)) from None


def _why_not(error: OSError, prefix: str, host: str, port: int) -> str:
    other = port + 1 if UNUSED_PORTS_BEGIN < port < 65535 else 8888
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is already in use. Stop what uses it, or choose another one: {prefix}_PORT={other}."
        )
    if isinstance(error, PermissionError):
        return f"Port {port} of {host} is reserved by this system. Choose another one: {prefix}_PORT={other}."
    return f"{host} is not an address of this machine. Correct {prefix}_HOST; 127.0.0.1 always works."


def address_to_open(host: str, port: int, prefix: str = "") -> str:
    """What to type into a browser on this machine."""
    shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104
    return f"http://{bracketed(shown)}:{port}{prefix}"


def bracketed(host: str) -> str:
    """A host as it stands before a colon and a port."""
    return f"[{host}]" if ":" in host else host
