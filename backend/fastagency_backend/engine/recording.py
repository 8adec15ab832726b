"""Results that must not be paid for twice: recorded once, and given out again by a replay, in their order."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from fastagency_backend.engine import context
from fastagency_backend.engine.activity import Activity
from fastagency_backend.engine.bridge import Bridge
from fastagency_backend.engine.journal import Journal
from fastagency_backend.engine.key import INSIDE, Keys, named
from fastagency_backend.engine.limits import ExceedsLimit, Limits, size_of
from fastagency_backend.engine.observer import Observer
from fastagency_backend.engine.outline import outline_of_call
from fastagency_backend.engine.replay import STRICT_PATIENCE_S, Replay
from fastagency_backend.engine.strict import Request, Strict
from fastagency_backend.store.base import RunLog, StepRecord

logger = logging.getLogger(__name__)


class Unrecordable(TypeError):
    """A call was made, and what it returned cannot be recorded. It has not failed: it keeps its place (`Keys`)."""


class TooLargeToRecord(ExceedsLimit, Unrecordable):
    pass


class Results:
    """The results that have reached a run, in their order: of steps, and answers of people."""

    def __init__(
        self,
        run_id: str,
        log: RunLog,
        keys: Keys,
        journal: Journal,
        bridge: Bridge,
        activity: Activity,
        observer: Observer,
        limits: Limits,
        strict: Strict | None = None,
    ) -> None:
        noted = {key: question.order for key, question in log.questions.items() if question.order is not None}
        orders = {key: step.order for key, step in log.steps.items()} | noted
        self.run_id = run_id
        self.steps = log.steps
        self.keys = keys
        self.journal, self.bridge, self.activity = journal, bridge, activity
        self.replay = Replay(sorted(orders, key=orders.__getitem__), STRICT_PATIENCE_S if strict is not None else None)
        self.observer = observer
        self.limits = limits
        self.strict = strict
        self.secrets: set[str] = set()
        self._begun: float | None = time.monotonic()
        self._order = log.last_order

    def recording(self, key: str, name: str, request: object) -> Recording:
        """The request of this key, recorded or to be made. `name` is what people call it."""
        step = self.steps.get(key)
        if step is not None:
            if self.strict is not None:
                self.strict.repeated(key)
            return Recording(self, key, name, step)
        asked = outline_of_call(named(key)[0], request, self.secrets)
        if self.strict is not None:
            self.strict.refused(Request(key, asked))
            return _Refused(self, key, name, None)
        if self.replay.active:
            logger.info("A call is made that was not recorded (%s)", key, extra={"run_id": self.run_id})
        return Recording(self, key, name, None, json.dumps(asked, ensure_ascii=False))

    async def take(self, write: Callable[[int], asyncio.Future[None]]) -> None:
        """Give a new result its place in the order, and return when that is committed and its turn has come.

        Handed over at once, so that a stop in this very moment does not lose what was paid for; given out after what
        is recorded, and in the order of the commits, which is the order in which a replay will give it out. The run is
        not parked meanwhile, for the workflow is about to go on. On the engine's loop.
        """
        with self.activity.calling():
            with self.bridge.held_open():
                committed = write(self.next_order())
            handed_over = time.monotonic()
            await committed
            self.observer.committed(time.monotonic() - handed_over)
            await self.replay.new()

    def next_order(self) -> int:
        """The place of the result that is handed to the store now."""
        self._order += 1
        return self._order

    async def give_out_new(self) -> None:
        """The end of `take`, for a result whose place was committed by whoever brought it. To be called at once."""
        with self.activity.calling():
            await self.replay.new()

    async def give_out(self, key: str) -> None:
        """Return when the recorded result of this key may be given out."""
        await self.replay.turn(key)
        self.observer.stepped(key, replayed=True)
        if self._begun is not None and not self.replay.active:
            self.observer.caught_up(time.monotonic() - self._begun)
            self._begun = None


class Recording:
    """One request of a run, recorded or to be made: inside `attempt()`, and once."""

    def __init__(
        self, results: Results, key: str, name: str, step: StepRecord | None, asked: str | None = None
    ) -> None:
        self._results, self._key, self._name, self._step, self._asked = results, key, name, step, asked
        self._given_out = False

    @property
    def key(self) -> str:
        return self._key

    @property
    def found(self) -> bool:
        """Whether the result is recorded: then `replay()`, else make the call inside `calling()` and `save()`."""
        return self._step is not None

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Around all that is done for this request. When its result was not given out, its place is free again."""
        keys = self._results.keys
        try:
            yield
        except BaseException as error:
            if not self._given_out and not isinstance(error, Unrecordable):
                self._keep()
                keys.give_back(self._key)
            raise
        finally:
            keys.end(self._key)

    async def replay(self) -> JsonValue:
        """The recorded result, given out in its order."""
        assert self._step is not None, "nothing is recorded: look at `found` first"
        await self._results.bridge.cross(self._results.give_out(self._key))
        return self._value()

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Around the call itself: the run is not parked meanwhile, and the call has an idempotency key.

        Raises:
            RunEvicted, RunUnwound: others may have the run, and make the call.
        """
        self._results.journal.ensure_ours()
        with context.in_step(f"{self._results.run_id}:{self._key}"), self._results.activity.calling():
            yield

    def save(self, value: JsonValue) -> Coroutine[Any, Any, JsonValue]:
        """Record the result. It is kept from this call on; what is returned is to be awaited, until it is committed.

        Awaiting it gives the result as a replay will give it out: tuples are lists, keys are text.

        Raises:
            Unrecordable: it is not JSON, or too large.
        """
        try:
            text = json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise Unrecordable(
                f"What {self._name} returned cannot be recorded, because it is not JSON ({error}). "
                "Return a dict, a list, text, a number, a bool or None."
            ) from None
        limit = self._results.limits.max_step_bytes
        if len(text) > limit and (size := size_of(value)) > limit:
            remedy = "Keep it elsewhere and return where it is, such as a path or a link."
            raise TooLargeToRecord.of(f"What {self._name} returned", size, limit, "max_step_bytes", remedy)
        step = StepRecord(0, text, self._asked)
        self._results.journal.hold(self._key, step)
        return self._commit(step)

    async def _commit(self, step: StepRecord) -> JsonValue:
        results = self._results
        await results.bridge.cross(results.take(lambda order: self._record(replace(step, order=order))))
        results.observer.stepped(self._key, replayed=False)
        return self._value()

    def _record(self, step: StepRecord) -> asyncio.Future[None]:
        self._step = step
        if INSIDE in self._key:  # the step around it may be tried again
            self._keep()
        return self._results.journal.record(self._key, step)

    def _keep(self) -> None:
        """Let whoever asks for this next find what is recorded of it."""
        if self._step is not None:
            self._results.steps[self._key] = self._step

    def _value(self) -> JsonValue:
        assert self._step is not None, "it was replayed or recorded"
        value: JsonValue = json.loads(self._step.value)
        self._given_out = True
        return value


class _Refused(Recording):
    """A request that strict replay does not make: whoever made it waits until the run is dropped."""

    @property
    def found(self) -> bool:
        return True

    async def replay(self) -> JsonValue:
        assert self._results.strict is not None
        await self._results.bridge.cross(self._results.strict.wait())
