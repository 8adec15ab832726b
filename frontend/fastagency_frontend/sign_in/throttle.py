"""How often something may be tried: so many times in a while, for each key. In the memory of this process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

MAX_KEYS = 20_000


class Throttle:
    """Counts attempts, not failures, so that those that are made at the same time count before they fail."""

    def __init__(self, limit: int, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Count an attempt and return 0, or how long to wait before the next one can count."""
        with self._lock:
            now = self._clock()
            attempts = self._attempts.setdefault(key, deque())
            self._attempts.move_to_end(key)
            while attempts and attempts[0] <= now - self._window_s:
                attempts.popleft()
            if len(attempts) >= self._limit:
                return attempts[0] + self._window_s - now
            attempts.append(now)
            while len(self._attempts) > MAX_KEYS:
                self._attempts.popitem(last=False)
            return 0.0

    def forgive(self, key: str) -> None:
        """Take the last attempt back: it was none to guess."""
        with self._lock:
            attempts = self._attempts.get(key)
            if attempts:
                attempts.pop()
            if not attempts:
                self._attempts.pop(key, None)
