"""Pauses between what is done again and again.

They end together: a process with nothing else to do wakes twice a second for all of its chores, not for each of them.
"""

from __future__ import annotations

import asyncio
import random

STEP_S = 0.5
_PHASE_S = random.uniform(0.0, STEP_S)  # noqa: S311 - processes of one machine need not wake at the same moment
_EARLY_S = 0.01
"""By how much a timer may fire too early."""


async def pause(seconds: float) -> None:
    """Sleep for about so long; at most `STEP_S` less."""
    await asyncio.sleep(until_step(asyncio.get_running_loop().time(), seconds))


def until_step(now: float, seconds: float) -> float:
    """How long to sleep until the last step that is no more than `seconds` away; a short pause is left as it is."""
    if seconds < STEP_S:
        return seconds
    steps = (now + seconds + _EARLY_S - _PHASE_S) // STEP_S
    return max(0.0, steps * STEP_S + _PHASE_S - now)
