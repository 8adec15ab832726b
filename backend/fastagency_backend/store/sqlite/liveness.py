"""Which workers are alive, as seen from this one. Used in the thread that writes.

Each worker renews its row in the table `worker` several times within its lease. A row that has stood still for as long
as its lease, by *our own* monotonic clock and while we looked all the time, is a dead worker's. No two clocks are
compared, so a clock that jumps moves no run; and a worker that was held up itself (frozen, starved, waiting for the
disk) has not looked all the time, and begins to count anew.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastagency_backend.store.dispatch import ANY_BUILD, Builds
from fastagency_backend.store.term import Terms

BEATS_PER_LEASE = 3
LOOKS_PER_LEASE = 6
HELD_UP = 0.5
"""A pause between two looks of more than this part of our lease means that we were held up."""

NOW = "((julianday('now') - 2440587.5) * 86400.0)"


@dataclass(frozen=True, slots=True)
class _Seen:
    """A worker's row when it last changed, and when we first saw it so."""

    beat: tuple[int, float]
    lease_s: float
    since: float


class Liveness:
    """See the module's docstring. `clock` gives seconds that only go forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._terms = Terms(clock)
        self._worker: str | None = None
        self._lease_s = 0.0
        self._beats = 0
        self._well: Callable[[], bool] = _always
        self._beaten = self._looked = float("-inf")
        self._seen: dict[str, _Seen] = {}
        self._offers: tuple[str, str | None] = ("[]", None)

    def register(
        self, db: sqlite3.Connection, worker: str, lease_s: float, well: Callable[[], bool] | None = None
    ) -> None:
        """From now on `tick` keeps this worker's row fresh, except while `well` says no."""
        self._well = well or _always
        self._worker, self._lease_s = worker, lease_s
        self._beat(db)

    @property
    def look_every_s(self) -> float:
        """How often `tick` has something to do: to renew our row, and to look at the others', if there are any."""
        if self._worker is None:
            return float("inf")
        return self._lease_s / (LOOKS_PER_LEASE if self._seen else BEATS_PER_LEASE)

    def offer(self, db: sqlite3.Connection, workflows: Sequence[str], builds: Builds = ANY_BUILD) -> None:
        """Let it be known which workflows this worker has, and whose runs of them it drives."""
        offers = json.dumps(sorted(workflows)), None if builds.named is None else json.dumps(builds.named)
        if self._worker is not None and offers != self._offers:
            self._offers = offers
            self._beat(db)

    def release(self, db: sqlite3.Connection, worker: str) -> None:
        if worker == self._worker:
            self._worker = None
            self._terms.end()
        db.execute("DELETE FROM worker WHERE id = ?", (worker,))

    def tick(self, db: sqlite3.Connection) -> None:
        """Do what is due: renew our row, look at the others'. Cheap when nothing is."""
        if self._worker is None:
            return
        now = self._clock()
        if now - self._looked >= self.look_every_s:
            self._look(db)
        if now - self._beaten >= self._lease_s / BEATS_PER_LEASE and self._well():
            self._beat(db)

    def holds(self, db: sqlite3.Connection, worker: str) -> bool:
        """Whether this is our worker, and its lease is good: registered, and renewed in time."""
        if self.term(worker) is None:
            return False
        return db.execute("SELECT 1 FROM worker WHERE id = ?", (worker,)).fetchone() is not None

    def term(self, worker: str) -> int | None:
        """See `dispatch.Dispatcher`. May be called in any thread."""
        return self._terms.current if worker == self._worker else None

    def dead(self, db: sqlite3.Connection) -> list[str]:
        """The workers whose runs may be taken over now."""
        if self._worker is None:
            return []
        self._look(db)
        now = self._clock()
        return [worker for worker, seen in self._seen.items() if now - seen.since >= seen.lease_s]

    def bury(self, db: sqlite3.Connection, dead: list[str]) -> None:
        """Forget dead workers that own nothing any more."""
        for worker in dead:
            db.execute(
                "DELETE FROM worker WHERE id = ? AND NOT EXISTS (SELECT 1 FROM run WHERE run.worker = worker.id)",
                (worker,),
            )

    def _beat(self, db: sqlite3.Connection) -> None:
        self._beats += 1
        sent = self._clock()
        db.execute(
            f"INSERT OR REPLACE INTO worker(id, beat, expires, ttl, offers, takes) VALUES (?, ?, {NOW} + ?, ?, ?, ?)",
            (self._worker, self._beats, self._lease_s, self._lease_s, *self._offers),
        )
        self._beaten = sent
        self._terms.renew(sent, self._lease_s)

    def _look(self, db: sqlite3.Connection) -> None:
        # A worker of version 1.0 changes `expires` only.
        rows = db.execute("SELECT id, beat, expires, ttl FROM worker WHERE id <> ?", (self._worker,)).fetchall()
        now = self._clock()
        held_up = now - self._looked > self._lease_s * HELD_UP or now - self._beaten > self._lease_s
        known = {} if held_up else self._seen
        self._seen = {
            worker: seen
            if (seen := known.get(worker)) is not None and seen.beat == (beat, expires)
            else _Seen((beat, expires), lease_s, now)
            for worker, beat, expires, lease_s in rows
        }
        self._looked = now


def _always() -> bool:
    return True
