"""How long a worker's lease has been unbroken, by the worker's own clock.

Others wait for a whole lease from the moment at which they see a renewal, and we count from the moment before it was
sent: so nobody takes anything over from us while our lease is good by this count. Once it was broken, somebody may
have, be it renewed since: what we knew of our runs before is not certain any more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Terms:
    """Numbers the stretches in which the lease was good. Used in any thread; `clock` gives seconds that only go on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._number = 0
        self._until = float("-inf")

    def renew(self, sent: float, lease_s: float) -> None:
        """A renewal that was sent at this moment has been carried out."""
        with self._lock:
            if self._clock() >= self._until:
                self._number += 1
            self._until = sent + lease_s

    def end(self) -> None:
        """There is no lease any more."""
        with self._lock:
            self._until = float("-inf")

    @property
    def current(self) -> int | None:
        """The number of the stretch that we are in; None while the lease is not good."""
        with self._lock:
            return self._number if self._clock() < self._until else None
