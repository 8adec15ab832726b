"""How long to wait before the next attempt to reach a backend, and when to give up. No I/O, no clock."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Patience:
    """How a lost connection is mended: waits that grow up to `cap_s`, until `give_up_s` seconds have gone by."""

    give_up_s: float = 60.0
    base_s: float = 0.2
    cap_s: float = 5.0


@dataclass
class Outage:
    """One backend's absence: starts at the first failure and is over when the backend has been heard again.

    The waits have full jitter (anything between nothing and the bound), so that the many clients of a backend that
    comes back do not all arrive in the same instant.
    """

    patience: Patience
    draw: Callable[[float, float], float] = field(default=random.uniform)
    _since: float | None = None
    _failures: int = 0

    def failed(self, now: float) -> None:
        """An attempt failed, or the connection was cut."""
        if self._since is None:
            self._since = now
        self._failures += 1

    def over(self) -> None:
        """The backend was heard."""
        self._since = None
        self._failures = 0

    def away_s(self, now: float) -> float:
        """For how long the backend has been away."""
        return 0.0 if self._since is None else now - self._since

    def wait_s(self, now: float) -> float | None:
        """How long to wait before the next attempt, or None when it is time to give up."""
        left = self.patience.give_up_s - self.away_s(now)
        if left <= 0:
            return None
        bound = min(self.patience.cap_s, self.patience.base_s * 2 ** min(self._failures - 1, 30))
        return min(self.draw(0.0, bound), left)
