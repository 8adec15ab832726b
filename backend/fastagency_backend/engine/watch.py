"""Whose code is on a loop."""

from __future__ import annotations

import mmap


class Watch:
    """Notes it where nobody looks. `memory` takes a run's `tag`; `held` is told who stayed for more than `limit_s`."""

    limit_s = float("inf")

    def __init__(self) -> None:
        self.memory: bytearray | mmap.mmap = bytearray(64)

    def held(self, run_id: str, seconds: float) -> None:
        """A run's code has held the loop for so long, and has let go of it."""


UNWATCHED = Watch()
