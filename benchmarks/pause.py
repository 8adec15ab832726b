"""How long the event loop is held up by what runs on it."""

from __future__ import annotations

import asyncio
import time

TICK_S = 0.001


async def longest_pause_s(stop: asyncio.Event) -> float:
    """The longest time, until `stop` is set, in which the loop did nothing else."""
    longest, last = 0.0, time.perf_counter()
    while not stop.is_set():
        await asyncio.sleep(TICK_S)
        now = time.perf_counter()
        longest, last = max(longest, now - last - TICK_S), now
    return longest
