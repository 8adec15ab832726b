"""Threads that write: a run always goes to the same one, so that what it hands over is written in that order.

A lane takes everything that it finds in its queue as one batch (`writer.py`). After the commit the results are handed
to the event loop, and the ids of the runs that others may want to know about are passed on. A lane whose database is
beyond use breaks: from then on every write fails at once, with the sentence that says why.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from fastagency_backend.store.base import Broken, Lease, Place, StoreBroken
from fastagency_backend.store.handover import Deliver, Outcome, awaited, broken_by, call_on, deliver_all, settle, take
from fastagency_backend.store.postgres.append import Append, Kind
from fastagency_backend.store.postgres.failure import store_error
from fastagency_backend.store.postgres.sql import PASS, Operation
from fastagency_backend.store.postgres.writer import Task, Writer

Tell = Callable[[set[str], bool], None]
"""Called in a lane's thread with the runs that a committed batch has changed for others, and whether it has made one
that nobody has ready."""


class Lanes:
    """All lanes of a process. `submit` and `append` may be called in any thread."""

    def __init__(self, writers: list[Writer], tell: Tell) -> None:
        self._lanes = [_Lane(f"fastagency-store-writer-{number}", each, tell) for number, each in enumerate(writers)]

    async def open(self, broken: Broken) -> None:
        await asyncio.gather(*(lane.start(broken) for lane in self._lanes))

    async def close(self) -> None:
        """Write what was handed over, then let the connections go."""
        await asyncio.gather(*(lane.stop() for lane in self._lanes))

    @property
    def queued(self) -> int:
        return sum(lane.queue.qsize() for lane in self._lanes)

    def append(self, kind: Kind, lease: Lease, values: tuple[Any, ...], deliver: Deliver) -> None:
        """Hand over a row; `deliver` is called on the loop, in the order of the run's writes."""
        self._of(lease.run_id).put(Task(lease.run_id, deliver, append=Append(kind, lease, values), lease=lease))

    async def run(
        self,
        operation: Operation,
        run_id: str,
        args: Mapping[str, Any],
        lease: Lease | None = None,
        place: Place | None = None,
    ) -> Any:
        """Hand over a statement and wait for its result. `place.taken` is called with it in its turn."""
        fenced = {} if lease is None else {"fence": lease.fence}
        deliver, future = awaited(None if place is None else place.taken)
        task = Task(
            run_id, deliver, operation=operation, args={"run_id": run_id, **fenced, **args}, lease=lease, place=place
        )
        self._of(run_id).put(task)
        return await future

    async def drain(self) -> None:
        """Wait until all that was handed over is written."""
        futures = []
        for lane in self._lanes:
            deliver, future = awaited()
            lane.queue.put(Task("", deliver, operation=PASS))
            futures.append(future)
        await asyncio.gather(*futures)

    def _of(self, run_id: str) -> queue.SimpleQueue[Task | None]:
        return self._lanes[zlib.crc32(run_id.encode(errors="replace")) % len(self._lanes)].queue


class _Lane:
    """A thread, its queue and its writer."""

    def __init__(self, name: str, writer: Writer, tell: Tell) -> None:
        self.queue: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._writer, self._told = writer, tell
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened: asyncio.Future[None] | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._broken: Broken | None = None

    async def start(self, broken: Broken) -> None:
        self._loop, self._broken = asyncio.get_running_loop(), broken
        self._opened, self._stopped = self._loop.create_future(), self._loop.create_future()
        self._thread.start()
        await self._opened

    async def stop(self) -> None:
        self.queue.put(None)
        if self._stopped is not None:
            await self._stopped

    def _run(self) -> None:
        try:
            self._writer.open()
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to whoever awaits start()
            self._call(settle, self._opened, error)
        else:
            self._call(settle, self._opened)
            self._serve()
            self._writer.close()
        self._call(settle, self._stopped)

    def _serve(self) -> None:
        broken: StoreBroken | None = None
        stop = False
        while not stop:
            tasks, stop = take(self.queue)
            outcomes: list[Outcome] = []
            if broken is None:
                try:
                    outcomes = self._writer.commit(tasks)
                except Exception as error:  # noqa: BLE001 - a thread that ended would leave every write unanswered
                    broken = self._break(error)
            if broken is not None:
                outcomes = [(None, broken)] * len(tasks)
            self._call(deliver_all, tasks, outcomes)
            changed, ready = _changed(tasks, outcomes), _ready(tasks, outcomes)
            if changed or ready:
                self._told(changed, ready)

    def _break(self, error: Exception) -> StoreBroken:
        failure = store_error(error)
        broken = broken_by(failure if isinstance(failure, StoreBroken) else error, "written")
        if self._broken is not None:
            self._call(self._broken, broken)
        return broken

    def _call(self, callback: Callable[..., None], *args: Any) -> None:
        assert self._loop is not None
        call_on(self._loop, callback, *args)


def _changed(tasks: list[Task], outcomes: list[Outcome]) -> set[str]:
    """The runs of which a watcher would see something new."""
    return {
        task.run_id
        for task, (result, error) in zip(tasks, outcomes, strict=True)
        if error is None
        and (
            task.operation.tells and result is not None
            if task.operation is not None
            else task.append is not None and task.append.kind is Kind.EVENT
        )
    }


def _ready(tasks: list[Task], outcomes: list[Outcome]) -> bool:
    """Whether there is a run that a worker would want to claim, now or at a moment that it has to know of."""
    return any(
        task.operation is not None and result is not None and task.operation.readies(result)
        for task, (result, _) in zip(tasks, outcomes, strict=True)
    )
