"""How many connections come from where: one address does not get them all."""

from __future__ import annotations

from collections import Counter

from fastagency_frontend.sign_in.peer import place


class Crowd:
    """The open connections by address. Kept by the one thread that accepts them, and so without a lock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    def enter(self, address: object) -> bool:
        """Whether there is room for one more, which has to leave then. A socket of the file system has no address."""
        key = _key(address)
        if key is None:
            return True
        if self._open[key] >= self._most:
            return False
        self._open[key] += 1
        return True

    def leave(self, address: object) -> None:
        key = _key(address)
        if key is None:
            return
        self._open[key] -= 1
        if self._open[key] <= 0:
            del self._open[key]


def _key(address: object) -> str | None:
    """From what a socket calls its peer: a tuple that starts with the address, or a path."""
    if not isinstance(address, tuple):
        return None
    return place(str(address[0]).partition("%")[0])
