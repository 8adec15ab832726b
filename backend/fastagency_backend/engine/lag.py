"""How late the event loop is: a call that blocks it stops every conversation of the process."""

from __future__ import annotations

import asyncio
import time
from collections import deque

EVERY_S = 0.25
KEPT_S = 10.0


class Lag:
    """`worst_s` of the last seconds. `look` is a chore: it asks to be woken, and notes how much later that happens."""

    def __init__(self) -> None:
        self._late_s: deque[float] = deque([0.0], maxlen=round(KEPT_S / EVERY_S))

    async def look(self) -> None:
        due = time.monotonic() + EVERY_S
        await asyncio.sleep(EVERY_S)
        self._late_s.append(max(0.0, time.monotonic() - due))

    @property
    def worst_s(self) -> float:
        return max(self._late_s)
