"""Which workers are alive, as seen from this one, and the thread that keeps this one's lease.

Each worker renews its row in `worker` several times within its lease. A row that has stood still for as long as its
lease, by *our own* monotonic clock and while we looked all the time and our own lease was unbroken, is a dead worker's.
No two clocks are compared. Whoever was held up itself (frozen, cut off from the database, the database away for a
while) has not looked all the time and begins to count anew: so nobody takes over anything right after an outage.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import psycopg

from fastagency_backend.store.dispatch import Builds
from fastagency_backend.store.postgres.pool import Connection
from fastagency_backend.store.postgres.sql import NOW
from fastagency_backend.store.term import Terms

logger = logging.getLogger(__name__)

BEATS_PER_LEASE = 3
LOOKS_PER_LEASE = 6
HELD_UP = 0.5
"""A pause between two looks of more than this part of our lease means that we were held up."""

BEAT = (
    f"INSERT INTO worker(id, beat, lease_s, workflows, takes, expires) SELECT w.*, {NOW} + w.lease_s FROM "
    "(VALUES (%s::text, 1, %s::float8, %s::text[], %s::text[])) AS w(id, beat, lease_s, workflows, takes) "
    "ON CONFLICT(id) DO UPDATE SET beat = worker.beat + 1, lease_s = EXCLUDED.lease_s, "
    "workflows = EXCLUDED.workflows, takes = EXCLUDED.takes, expires = EXCLUDED.expires"
)
LOOK = "SELECT id, beat, lease_s FROM worker"

Well = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker's row when it last changed, and when we first saw it so."""

    beat: int
    lease_s: float
    since: float


class Liveness:
    """What was seen of the others. Used in any thread. `clock` gives seconds that only go forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.terms = Terms(clock)
        self._lock = threading.Lock()
        self._seen: dict[str, Seen] = {}
        self._lease_s: float | None = None
        self._looked = self._beaten = float("-inf")

    def beaten(self, lease_s: float | None, sent: float | None = None) -> None:
        """Our lease was renewed, which was `sent` a while ago or now; None: we have none any more."""
        with self._lock:
            self._lease_s, self._beaten = lease_s, self.clock() if sent is None else sent
            if lease_s is None:
                self.terms.end()
            else:
                self.terms.renew(self._beaten, lease_s)

    def look(self, worker: str, rows: Iterable[tuple[str, int, float]]) -> dict[str, int]:
        """Take in the table; returns the dead, and the beat at which each stood still."""
        with self._lock:
            now = self.clock()
            if self._lease_s is None:
                self._seen = {}
                return {}
            held_up = now - self._looked > self._lease_s * HELD_UP or now - self._beaten > self._lease_s
            known = {} if held_up else self._seen
            self._seen = {
                id_: seen if (seen := known.get(id_)) is not None and seen.beat == beat else Seen(beat, lease_s, now)
                for id_, beat, lease_s in rows
                if id_ != worker
            }
            self._looked = now
            return {id_: seen.beat for id_, seen in self._seen.items() if now - seen.since >= seen.lease_s}


class Heart:
    """Keeps the lease of one worker, in a thread with a connection of its own, which nothing else holds up."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self.liveness = Liveness()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ends = False
        self._db: Connection | None = None
        self.worker: str | None = None
        self._lease_s = 0.0
        self._well: Well = _always
        self._offered: tuple[list[str], list[str] | None] = [], None
        self._lock = threading.Lock()

    def start(self, worker: str, lease_s: float, well: Well | None) -> None:
        """Renew the lease now, and from now on. Raises `psycopg.Error`: it could not be. Blocks."""
        with self._lock:
            self.worker, self._lease_s, self._well = worker, lease_s, well or _always
            self._beat()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fastagency-store-heart", daemon=True)
            self._thread.start()
        self._wake.set()

    def term(self, worker: str) -> int | None:
        """See `dispatch.Dispatcher`."""
        return self.liveness.terms.current if worker == self.worker else None

    def offer(self, workflows: Sequence[str], builds: Builds) -> None:
        """Let it be known what this worker has, and whose runs it drives. Blocks when that is not what it was."""
        offered = sorted(workflows), builds.named
        with self._lock:
            if self.worker is not None and offered != self._offered:
                self._offered = offered
                self._beat()

    def stop(self) -> None:
        """The worker has no lease any more, from the moment this returns. Blocks."""
        with self._lock:
            self.worker = None
            self.liveness.beaten(None)

    def close(self) -> None:
        self._ends = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._db is not None:
            self._db.close()

    def _run(self) -> None:
        beaten = time.monotonic()
        while not self._ends:
            self._wake.wait(self._lease_s / LOOKS_PER_LEASE if self.worker is not None else None)
            self._wake.clear()
            with self._lock:
                if self.worker is None or self._ends:
                    continue
                try:
                    if time.monotonic() - beaten >= self._lease_s / BEATS_PER_LEASE and self._well():
                        self._beat()
                        beaten = time.monotonic()
                    self.liveness.look(self.worker, self._connected().execute(LOOK).fetchall())
                except psycopg.Error as error:
                    logger.warning("The worker's lease could not be renewed: %s", error)

    def _beat(self) -> None:
        try:
            self._send_beat()
        except psycopg.Error:
            if self._db is None or not self._db.closed:
                raise
            self._send_beat()  # the connection may have ended long ago: another one, before the lease has

    def _send_beat(self) -> None:
        db = self._connected()
        sent = self.liveness.clock()
        with db.pipeline():
            db.execute("BEGIN")
            db.execute("SET LOCAL synchronous_commit = off")  # nothing is lost with it that a next beat does not bring
            db.execute(BEAT, (self.worker, self._lease_s, *self._offered))
            db.execute("COMMIT")
        self.liveness.beaten(self._lease_s, sent)

    def _connected(self) -> Connection:
        if self._db is None or self._db.closed:
            self._db = self._connect()
        return self._db


def _always() -> bool:
    return True
