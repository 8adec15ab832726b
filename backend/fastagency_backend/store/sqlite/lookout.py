"""What the writer's thread looks at between its jobs: leases, the file, the log, and what other processes commit.

A process that is alone with its file has little to look for. It knows by the commits of others (each worker renews its
lease there about every second), or because they greet it.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable

from fastagency_backend.store.base import StoreBroken
from fastagency_backend.store.sqlite.batch import store_error
from fastagency_backend.store.sqlite.checkpoint import Checkpoints
from fastagency_backend.store.sqlite.lane import POLL_S
from fastagency_backend.store.sqlite.liveness import Liveness
from fastagency_backend.store.sqlite.presence import Presence

logger = logging.getLogger(__name__)

ALONE_POLL_S = 0.25
GREETED_POLL_S = 1.0
"""In the place of `ALONE_POLL_S` where others would greet us."""
COMPANY_S = 600.0
"""How long after the last commit of another process this one goes on looking for more every `POLL_S` seconds."""


class Lookout:
    """Used in the thread that writes; `changed` may be called there."""

    def __init__(
        self,
        presence: Presence,
        liveness: Liveness,
        checkpoints: Checkpoints,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.changed: Callable[[], None] = _nobody_is_told
        self.is_greeted: Callable[[], bool] = lambda: False
        self._presence, self._liveness, self._checkpoints = presence, liveness, checkpoints
        self._clock = clock
        self._data_version: int | None = None
        self._company_until = float("-inf")

    def meet(self) -> None:
        """Another process has come. Thread-safe; counts from the next look on."""
        self._company_until = self._clock() + COMPANY_S

    def look(self, db: sqlite3.Connection) -> float:
        """Look around; returns in how many seconds to do so again, if nothing is written meanwhile.

        Raises:
            StoreBroken: the file is beyond use, or not there any more.
        """
        try:
            self._presence.check()
            self._liveness.tick(db)
            self._checkpoints.look(db)
            version: int = db.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as error:
            if isinstance(failure := store_error(error), StoreBroken):
                raise failure from error
            logger.warning("The worker's lease could not be renewed: %s", error)
            return POLL_S
        if self._data_version is not None and version != self._data_version:
            self.meet()
            self.changed()
        self._data_version = version
        if self._clock() < self._company_until:
            return POLL_S
        alone_s = GREETED_POLL_S if self.is_greeted() else ALONE_POLL_S
        return max(POLL_S, min(alone_s, self._liveness.look_every_s))


def _nobody_is_told() -> None:
    """Until the store is open."""
