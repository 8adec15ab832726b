"""A run under way: what a workflow, and the agent framework below it, have in their hands.

Three kinds of things leave a trace, each under a key that says *what* it is, not where it stood (frameworks interleave
their tasks, so positions mean nothing):

- `emit`: a message. In the log once; a replay that emits it again is not heard.
- `step`: a result that must not be paid for twice. Recorded once; a replay gets the recorded one.
- `ask`: a question to a person. Open until it is answered, by anybody, in any process.

The methods may be called from the engine's loop, from another loop, or from any thread; `_blocking` ones only from a
thread without the engine's loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import hashlib
import json
import logging
import threading
import time
import weakref
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError as FutureCancelled
from contextlib import contextmanager
from typing import Any, TypeVar

from fastagency_shared.answer import Answer
from fastagency_shared.messages import LoggedMessage, Question, RunStatusChanged, TextChunk
from fastagency_shared.run import RunStatus
from pydantic import JsonValue

from fastagency_backend.engine.body import body_of, whole
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.replay import INSIDE, Replay
from fastagency_backend.store.base import (
    Done,
    Lease,
    LeaseLost,
    QuestionRecord,
    RunLog,
    RunRecord,
    StepRecord,
    Store,
    StoredEvent,
    StoreError,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")

BACKLOG_HIGH = 500
"""Messages handed to the store and not yet committed, beyond which a workflow has to wait."""
BACKLOG_LOW = 100


class RunEvicted(asyncio.CancelledError):
    """This process has to drop the run (parked, stopped, handed over, lost). Never swallow it."""


class RunUnwound(BaseException):
    """The same, in a workflow's own thread. No `Exception`, so that no workflow catches it by accident."""


_current_run: contextvars.ContextVar[Run | None] = contextvars.ContextVar("fastagency_run", default=None)
_current_step: contextvars.ContextVar[str | None] = contextvars.ContextVar("fastagency_step", default=None)


def current_run() -> Run | None:
    """The run that this code belongs to: inside a workflow, its threads and its tasks."""
    return _current_run.get()


def current_step_key() -> str | None:
    """Inside the call of a step: an idempotency key, the same when the call has to be made again after a crash."""
    return _current_step.get()


def digest(value: object) -> str:
    """A short fingerprint of a JSON-able value; what is not JSON goes in by its text."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=12).hexdigest()


class Run:
    """See the module's docstring. Made by the engine, one for each time that a worker takes the run."""

    def __init__(
        self, record: RunRecord, log: RunLog, *, store: Store, feeds: Feeds, evict: Callable[[Run], None]
    ) -> None:
        self.id = record.id
        self.record = record
        self.lease = Lease(record.id, record.fence)
        self.loop = asyncio.get_running_loop()
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self.on_evict: list[Callable[[], None]] = []
        self.evicted = False
        self.store_failed = False
        self._store, self._feeds, self._evict = store, feeds, evict
        self._steps, self._questions, self._seen = log.steps, log.questions, log.event_keys
        noted = {key: q.order for key, q in log.questions.items() if q.order is not None}
        orders = {key: step.order for key, step in log.steps.items()} | noted
        self._order = max(orders.values(), default=0)
        self._replay = Replay(sorted(orders, key=orders.__getitem__))
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._backlog = 0
        self._room = threading.Condition(self._lock)
        self._drained = asyncio.Event()
        self._answered = asyncio.Event()
        self._calls = 0
        self._asking = 0
        self._active_at = time.monotonic()

    # --- messages -------------------------------------------------------------------------------------------------

    def emit(self, message: LoggedMessage, *, identity: Any = None) -> bool:
        """Append a message to the log. Thread-safe; returns before it is committed.

        `identity` is what makes the message the same one in a replay: by default all of it but its own id.
        A workflow's thread waits here while too much is uncommitted; on the loop, `await drain()` does.
        Returns whether it is new: a replay emits again what is in the log.

        Raises:
            RunEvicted, RunUnwound: this process must drop the run.
        """
        if message.workflow_uuid != self.id:
            message = message.model_copy(update={"workflow_uuid": self.id})
        body = body_of(message)
        same = body.replace(message.uuid, "", 1) if identity is None else identity
        with self._lock:
            self._check()
            key = self._key("event", message.type, same)
            if key in self._seen:
                return False
            at = self._touch()
            self._backlog += 1
            self._store.append_event(self.lease, key, body, at, functools.partial(self._event_done, at, body))
        if self._backlog > BACKLOG_HIGH and not self._on_loop():
            self._wait_for_room()
        return True

    async def drain(self) -> None:
        """Wait, on the loop, until most of what was emitted is committed."""
        if self._on_loop():
            while self._backlog > BACKLOG_LOW and not self.evicted:
                self._drained.clear()
                await self._drained.wait()
        self._check()

    def chunk(self, chunk: TextChunk) -> None:
        """Show a piece of a message under way to those who watch. Not logged, and not repeated by a replay."""
        if self._replay.active or self.evicted:
            return
        self._active_at = time.monotonic()
        chunk = chunk.model_copy(update={"workflow_uuid": self.id, "delta": whole(chunk.delta)})
        if self._on_loop():
            self._feeds.push(self.id, chunk)
        else:
            self.loop.call_soon_threadsafe(self._feeds.push, self.id, chunk)

    # --- steps ----------------------------------------------------------------------------------------------------

    def recording(self, kind: str, scope: str, request: Any) -> Recording:
        """Look up this very request (its n-th time in this run): for what `step` cannot express, such as streams."""
        with self._lock:
            self._check()
            key = self._key(kind, scope, request)
        step = self._steps.get(key)
        if step is None and self.replaying:
            logger.info("A call is made that was not recorded (%s)", key, extra={"run_id": self.id})
        return Recording(self, key, step)

    async def step(self, kind: str, scope: str, request: Any, call: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
        """The recorded result of this request; or make the call, record what it returns, and return that.

        `kind` and `scope` (an agent's name, say) and a digest of `request` are the key. The result is committed before
        it is returned. An error of the call is not recorded: the call will be made again.
        """
        recording = self.recording(kind, scope, request)
        if recording.found:
            return await recording.replay()
        with recording.calling():
            value = await call()
        await recording.save(value)
        return value

    def step_blocking(self, kind: str, scope: str, request: Any, call: Callable[[], JsonValue]) -> JsonValue:
        """`step` for a workflow's thread: the call is made in this thread."""
        recording = self.recording(kind, scope, request)
        if recording.found:
            return self.wait_for(recording.replay())
        with recording.calling():
            value = call()
        self.wait_for(recording.save(value))
        return value

    # --- people ---------------------------------------------------------------------------------------------------

    async def ask(self, question: Question, *, identity: Any = None) -> Answer:
        """Ask a person and wait: a while warm, then out of memory until the answer brings the run back.

        Raises:
            RunEvicted: this process must drop the run; the question stays open.
        """
        return await self.on_loop(self._ask(question, identity))

    def ask_blocking(self, question: Question, *, identity: Any = None) -> Answer:
        """`ask` for a workflow's thread."""
        return self.wait_for(self._ask(question, identity))

    async def _ask(self, question: Question, identity: Any) -> Answer:
        question = question.model_copy(update={"workflow_uuid": self.id})
        body = body_of(question)
        with self._lock:
            self._check()
            same = body.replace(question.uuid, "", 1) if identity is None else identity
            key = self._key("ask", question.sender or "", same)
            known = self._questions.get(key)
        if known is not None and known.value is not None and known.order is not None:
            await self._replay.turn(key)
            return _answer(known.value)
        if known is None:
            known = QuestionRecord(question.uuid, None, None)
            event = await self._fenced(self._store.open_question(self.lease, key, known.uuid, body, self._touch()))
            self._feeds.push(self.id, event)
            self._tell_status(RunStatus.WAITING)
        self._asking += 1
        try:
            value = known.value or await self._wait_for_answer(known.uuid)
        finally:
            self._asking -= 1
        await self._take(lambda order, done: self._store.note_answer(self.lease, known.uuid, order, done))
        return _answer(value)

    async def _take(self, write: Callable[[int, Done], None]) -> None:
        """Give a new result its place in the order, and return when that is committed and its turn has come.

        Handed over at once, so that a stop in this very moment does not lose what was paid for; given out after what
        is recorded, and in the order of the commits, which is the order in which a replay will give it out. The run is
        not parked meanwhile, for the workflow is about to go on.
        """
        with self._busy():
            committed: asyncio.Future[None] = self.loop.create_future()

            def done(_seq: int | None, error: Exception | None) -> None:
                if error is not None:
                    self._write_failed(error)
                if not committed.done():
                    committed.cancel() if error is not None else committed.set_result(None)

            with self._lock:
                self._check()
                self._order += 1
                write(self._order, done)
            await committed
            await self._replay.over()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        with self._lock:
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
            self._touch()

    async def _wait_for_answer(self, uuid: str) -> str:
        while True:
            answered = self._answered  # taken before looking: what comes while we look is not missed
            value = await self._fenced(self._store.read_answer(self.id, uuid))
            if value is not None:
                return value
            await answered.wait()

    def wake(self) -> None:
        """Somebody answered something (or may have, in another process): everyone who asks looks, once."""
        answered, self._answered = self._answered, asyncio.Event()
        answered.set()

    # --- for the engine -------------------------------------------------------------------------------------------

    @property
    def replaying(self) -> bool:
        return self._replay.active

    def parkable(self, warm_s: float) -> bool:
        """Whether the run has done nothing for a while but wait for people."""
        idle = time.monotonic() - self._active_at
        return bool(self._asking) and not self._calls and not self._backlog and idle >= warm_s and self.record.durable

    def close(self) -> None:
        """Refuse everything from now on and free every thread that waits. The engine cancels the tasks."""
        with self._lock:
            self.evicted = True
            self._room.notify_all()
        self._drained.set()
        for callback in self.on_evict:
            callback()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Make this the current run of the context."""
        token = _current_run.set(self)
        try:
            yield
        finally:
            _current_run.reset(token)

    async def flush(self) -> None:
        """Wait until everything emitted is committed."""
        while self._backlog and not self.evicted:
            self._drained.clear()
            await self._drained.wait()
        self._check()

    # --- bridges between threads and loops ------------------------------------------------------------------------

    def _on_loop(self) -> bool:
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    async def on_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await a coroutine on the engine's loop, from whichever loop this is."""
        if self._on_loop():
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self.loop))

    def wait_for(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the engine's loop and block this thread until it is done.

        Raises:
            RunUnwound: this process must drop the run.
        """
        if self._on_loop():
            coroutine.close()
            raise RuntimeError(
                "A blocking call of `ui` was made on the event loop, which would stop every other conversation. "
                "In an `async def` workflow annotate `ui: AsyncUI` and await the call."
            )
        if self.evicted:
            coroutine.close()
            raise RunUnwound(self.id)
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()
        except (FutureCancelled, asyncio.CancelledError):
            raise RunUnwound(self.id) from None

    # --- inside ---------------------------------------------------------------------------------------------------

    def _key(self, kind: str, scope: str, request: Any) -> str:
        """What is done, and for the how-manieth time this run does just that. Call it under the lock.

        What is done inside a step (a tool that asks a person, say) is counted apart, as a part of that step: a replay
        that has the step's result does not go inside, and must not take the next step's question for the one in there.
        """
        step = (_current_step.get() or "").removeprefix(f"{self.id}:")
        base = f"{step}{INSIDE if step else ''}{kind}:{scope}:{digest(request)}"
        self._counts[base] += 1
        return f"{base}#{self._counts[base]}"

    def _touch(self) -> float:
        self._active_at = time.monotonic()
        return time.time()

    def _check(self) -> None:
        if self.evicted:
            raise self._gone()

    def _gone(self) -> BaseException:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return RunUnwound(self.id)
        return RunEvicted(self.id)

    async def _fenced(self, write: Awaitable[T]) -> T:
        try:
            return await write
        except StoreError as error:
            self._write_failed(error)
            raise RunEvicted(self.id) from None

    def _tell_status(self, status: RunStatus) -> None:
        self._feeds.push(self.id, RunStatusChanged(workflow_uuid=self.id, status=status))

    def _wait_for_room(self) -> None:
        with self._room:
            self._room.wait_for(lambda: self._backlog <= BACKLOG_LOW or self.evicted)
            self._check()

    def _event_done(self, at: float, body: str, seq: int | None, error: Exception | None) -> None:
        with self._lock:
            self._backlog -= 1
            if self._backlog == BACKLOG_LOW or not self._backlog:
                self._room.notify_all()
                self._drained.set()
        if error is not None:
            self._write_failed(error)
        elif seq is not None:
            self._feeds.push(self.id, StoredEvent(seq, at, body))

    def _write_failed(self, error: Exception) -> None:
        """The log would have a gap: drop the run; whoever takes it next goes on from what is committed."""
        if not self.evicted and not isinstance(error, LeaseLost):
            self.store_failed = True
            logger.error("The store failed, and the run is dropped: %s", error, extra={"run_id": self.id})
        self._evict(self)


class Recording:
    """One request of a run, recorded or to be made."""

    def __init__(self, run: Run, key: str, step: StepRecord | None) -> None:
        self._run, self._key, self._step = run, key, step

    @property
    def found(self) -> bool:
        """Whether the result is recorded: then `replay()`, else make the call inside `calling()` and `save()`."""
        return self._step is not None

    async def replay(self) -> JsonValue:
        """The recorded result, given out in its order."""
        assert self._step is not None, "nothing is recorded: look at `found` first"
        await self._run.on_loop(self._run._replay.turn(self._key))
        value: JsonValue = json.loads(self._step.value)
        return value

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Around the call itself: the run is not parked meanwhile, and the call has an idempotency key."""
        run = self._run
        token = _current_step.set(f"{run.id}:{self._key}")
        try:
            with run._busy():
                yield
        finally:
            _reset(token)

    async def save(self, value: JsonValue) -> None:
        """Record the result; returns when it is committed."""
        text, run = json.dumps(value), self._run
        await run.on_loop(
            run._take(lambda order, done: run._store.append_step(run.lease, self._key, StepRecord(order, text), done))
        )


def _reset(token: contextvars.Token[str | None]) -> None:
    try:
        _current_step.reset(token)
    except ValueError:  # an async generator that is closed from another context
        logger.debug("A step ended in another context than it began in")


def _answer(value: str) -> Answer:
    answer: Answer = json.loads(value)
    return answer
