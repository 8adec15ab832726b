"""How late the event loop is: a call that blocks it stops every conversation of the process."""

from __future__ import annotations

import asyncio
from collections import deque

from fastagency_backend.engine.pause import until_step

EVERY_S = 0.5
KEPT_S = 10.0


class Lag:
    """`worst_s` of the last seconds. `look` is a chore: it asks to be woken, and notes how much later that happens."""

    def __init__(self) -> None:
        self._late_s: deque[float] = deque([0.0], maxlen=round(KEPT_S / EVERY_S))

    async def look(self) -> None:
        now = asyncio.get_running_loop().time
        due = now() + until_step(now(), EVERY_S)
        await asyncio.sleep(due - now())
        self._late_s.append(max(0.0, now() - due))

    @property
    def worst_s(self) -> float:
        return max(self._late_s)
