"""waitress's connections, which end when a request takes too long to arrive, and come from one address only so often.

waitress gives a thread only to a request that has arrived. But it counts each byte as a sign of life, and by default it
accepts nobody any more while a hundred connections are open.
"""

from __future__ import annotations

import select
from typing import Any

from fastagency_frontend.command.arrival import MAX_BODY_BYTES, MAX_HEAD_BYTES
from fastagency_frontend.command.crowd import Crowd

REQUEST_DEADLINE_S = 20
LOOK_EVERY_S = 2
MAX_CONNECTIONS = 1000
MAX_SELECTED = 400
"""Where there is no `poll`, as on Windows, `select` takes 512 sockets."""


def limits() -> dict[str, Any]:
    """Options of `waitress.create_server`."""
    has_poll = hasattr(select, "poll")
    return {
        "channel_timeout": REQUEST_DEADLINE_S,
        "cleanup_interval": LOOK_EVERY_S,
        "connection_limit": MAX_CONNECTIONS if has_poll else MAX_SELECTED,
        "asyncore_use_poll": has_poll,
        "clear_untrusted_proxy_headers": False,  # the page itself decides whom it believes what, on either server
        "max_request_header_size": MAX_HEAD_BYTES,
        "max_request_body_size": MAX_BODY_BYTES,
    }


def limit_connections(server: Any, crowd: Crowd) -> None:
    """Have a server of waitress's make connections that are counted in `crowd`.

    It is one server for each address that its host's name stands for, and each has the class of its connections.
    """
    for listening in list(getattr(server, "map", server._map).values()):
        if hasattr(listening, "channel_class"):
            listening.channel_class = _limited(listening.channel_class, crowd)


def _limited(channel_class: Any, crowd: Crowd) -> Any:
    class Channel(channel_class):  # type: ignore[misc]
        last_activity: float

        def __init__(self, server: Any, sock: Any, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002
            super().__init__(server, sock, addr, adj, map=map)
            self._entered = crowd.enter(addr)
            self.will_close = not self._entered

        def handle_read(self) -> None:
            """A request that is under way is as old as its first byte."""
            began = None if self.request is None else self.last_activity
            super().handle_read()
            if began is not None and self.request is not None:
                self.last_activity = began

        def handle_close(self) -> None:
            if self._entered:
                self._entered = False
                crowd.leave(self.addr)
            super().handle_close()

    return Channel
