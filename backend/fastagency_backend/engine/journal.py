"""The one door through which a run writes to the store.

Every write carries the run's lease, and what is committed is shown to those who watch. A write that fails would leave a
gap: the run is dropped, and whoever takes it next goes on from what is committed.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastagency_shared.messages import Message, TextChunk
from fastagency_shared.run import RunStatus

from fastagency_backend.engine.backlog import Backlog
from fastagency_backend.engine.bridge import Bridge, RunEvicted
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.given import Given, status_after
from fastagency_backend.engine.tenure import LeaseInDoubt, Tenure
from fastagency_backend.engine.unsaved import Unsaved
from fastagency_backend.store.base import (
    Answered,
    Done,
    Lease,
    LeaseLost,
    Place,
    StepRecord,
    Store,
    StoredEvent,
    StoreError,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

HELD_CHUNKS = 1000
"""Pieces of text that may wait for the commit of what came before them."""


class Journal:
    """See the module's docstring. `drop` makes the process let the run go."""

    def __init__(
        self,
        lease: Lease,
        tenure: Tenure,
        store: Store,
        feeds: Feeds,
        bridge: Bridge,
        unsaved: Unsaved,
        drop: Callable[[], None],
    ) -> None:
        self.failed = False
        self.acquitted = False
        self.backlog = Backlog(bridge)
        self._lease, self._tenure, self._store, self._feeds = lease, tenure, store, feeds
        self._bridge, self._unsaved, self._drop = bridge, unsaved, drop
        self._writers: set[str | None] = set()
        self._held: list[TextChunk] = []

    def append(self, key: str, body: str, at: float) -> None:
        """Append a message. Thread-safe; returns before it is committed."""
        self.backlog.grow()
        self._store.append_event(self._lease, key, body, at, functools.partial(self._appended, at, body))

    def show_chunk(self, chunk: TextChunk) -> None:
        """Show a piece of a message under way, after what was appended before it. Thread-safe."""
        self._writers.add(chunk.sender)
        self._bridge.call(self._show_chunk, chunk)

    def said(self, sender: str | None) -> None:
        """A whole message of this sender is about to be appended: what it was writing is over. Thread-safe."""
        if sender in self._writers:
            self._writers.discard(sender)
            self._bridge.call(self._said, sender)

    def hold(self, key: str, step: StepRecord) -> None:
        """Keep a result, which has no place yet, from this moment until it is committed. Thread-safe."""
        self._unsaved.keep(key, step)

    def ensure_ours(self) -> None:
        """To be called right before something that is paid for begins. Thread-safe.

        Raises:
            RunEvicted, RunUnwound: others may have the run. It is dropped, and goes on here if they have not.
        """
        if not self._tenure.is_certain:
            self._bridge.call(self._fail, LeaseInDoubt("The worker's lease has run out, and others may have the run."))
            self._bridge.dismiss()

    # --- on the engine's loop -------------------------------------------------------------------------------------

    def under_way(self) -> list[TextChunk]:
        """What the run is writing, each message from its beginning."""
        self._show_held()
        return self._feeds.under_way(self._lease.run_id)

    def record(self, key: str, step: StepRecord) -> asyncio.Future[None]:
        """Record a result. Handed over at once; the future is done when it is committed, cancelled when it failed."""
        committed: asyncio.Future[None] = self._bridge.loop.create_future()
        settles = self._settles(committed)

        def done(seq: int | None, error: Exception | None) -> None:
            if error is None or isinstance(error, LeaseLost):
                self._unsaved.forget(key)
            settles(seq, error)

        self._unsaved.hand_over(key)
        self._store.append_step(self._lease, key, step, done)
        self.acquit()
        return committed

    def note_answer(self, uuid: str, order: int) -> asyncio.Future[None]:
        """Record the place at which an answer reached the run, as `record` does a result."""
        committed: asyncio.Future[None] = self._bridge.loop.create_future()
        self._store.note_answer(self._lease, uuid, order, self._settles(committed))
        self.acquit()
        return committed

    def acquit(self) -> None:
        """The run gets further: should its worker die, it need not have been its doing. Written once."""
        if not self.acquitted:
            self.acquitted = True
            self._store.acquit_run(self._lease)

    async def open_question(self, key: str, uuid: str, body: str, at: float, due: float | None) -> None:
        """Log a question and leave it open. Raises `RunEvicted` when that fails; so do the methods that follow."""
        event = await self._or_dropped(self._store.open_question(self._lease, key, uuid, body, at, due))
        self.acquitted = True
        self._feeds.push(self._lease.run_id, event)
        self._feeds.status(self._lease.run_id, RunStatus.WAITING)

    async def expire_question(self, uuid: str, value: str, body: str, at: float) -> bool:
        """Close a question at its deadline; False when it was closed already."""
        event = await self._or_dropped(self._store.expire_question(self._lease, uuid, value, body, at))
        if event is not None:
            self._feeds.push(self._lease.run_id, event)
            self._feeds.status(self._lease.run_id, RunStatus.RUNNING)
        return event is not None

    async def answer_question(self, given: Given, order: int, taken: Callable[[Answered], None]) -> Answered | None:
        """Record an answer with its place. Raises `StoreError`; that is for the person who answers, not for the run."""
        place = Place(self._lease, order, taken)
        return await self._store.answer_question(
            self._lease.run_id, given.uuid, given.value, given.body, time.time(), given.title, place
        )

    def show_answer(self, answered: Answered, title: str | None) -> None:
        """Tell those who watch that a question was answered, and how the run stands by it."""
        self._feeds.push(self._lease.run_id, answered.event)
        self._feeds.status(self._lease.run_id, status_after(answered), title)

    async def rest(self, due: float | None) -> None:
        """Nothing is done until a moment; or, with None, the run goes on."""
        self._bridge.check()
        await self._or_dropped(self._store.rest(self._lease, due))

    async def now(self) -> float:
        """The store's clock."""
        return await self._or_dropped(self._store.now())

    async def read_answer(self, uuid: str) -> str | None:
        """The answer to a question, or what counts in its place, if there is one."""
        return await self._or_dropped(self._store.read_answer(self._lease.run_id, uuid))

    async def finish(self, status: RunStatus, result: str | None, last: Message) -> None:
        """Append the last message and end the run. Raises `StoreError`, also when the run is not ours any more."""
        run_id = self._lease.run_id
        last = last.model_copy(update={"workflow_uuid": run_id})
        event = await self._store.finish_run(self._lease, status, result, last.model_dump_json(), time.time())
        self._feeds.end(run_id, event)

    # --- inside ---------------------------------------------------------------------------------------------------

    async def _or_dropped(self, access: Awaitable[T]) -> T:
        try:
            return await access
        except StoreError as error:
            self._fail(error)
            raise RunEvicted(self._lease.run_id) from None

    def _settles(self, committed: asyncio.Future[None]) -> Done:
        def done(_seq: int | None, error: Exception | None) -> None:
            if error is not None:
                self._fail(error)
            if not committed.done():
                committed.cancel() if error is not None else committed.set_result(None)

        return done

    def _show_chunk(self, chunk: TextChunk) -> None:
        # A whole message that is not committed yet would be taken for the end of this one.
        if self.backlog.size and len(self._held) < HELD_CHUNKS:
            self._held.append(chunk)
        else:
            self._show_held()
            self._feeds.push(self._lease.run_id, chunk)

    def _show_held(self) -> None:
        held, self._held = self._held, []
        for chunk in held:
            self._feeds.push(self._lease.run_id, chunk)

    def _said(self, sender: str | None) -> None:
        self._show_held()
        self._feeds.said(self._lease.run_id, sender)

    def _appended(self, at: float, body: str, seq: int | None, error: Exception | None) -> None:
        self.backlog.shrink()
        if error is not None:
            self._fail(error)
        elif seq is not None:
            self._feeds.push(self._lease.run_id, StoredEvent(seq, at, body))
            if not self.backlog.size:
                self._show_held()

    def _fail(self, error: Exception) -> None:
        if not self._bridge.closed and not isinstance(error, LeaseLost):
            self.failed = True
            logger.error("The store failed, and the run is dropped: %s", error, extra={"run_id": self._lease.run_id})
        self._drop()
