"""A run under way: what a workflow, and the agent framework below it, have in their hands.

Three kinds of things leave a trace, each under a key that says *what* it is (`key.py`):

- `emit`: a message. In the log once; a replay that emits it again is not heard.
- `step`: a result that must not be paid for twice. Recorded once; a replay gets the recorded one.
- `ask`: a question to a person. Open until it is answered, by anybody, in any process, or until its deadline.

`sleep` is made of steps.

The methods may be called from the engine's loop, from another loop, or from any thread; `_blocking` ones only from a
thread without the engine's loop.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastagency_shared.answer import Answer
from fastagency_shared.messages import LoggedMessage, Message, Question, TextChunk, TextInput, TextMessage
from pydantic import JsonValue

from fastagency_backend.engine.activity import Activity
from fastagency_backend.engine.body import body_of, whole
from fastagency_backend.engine.bridge import Bridge
from fastagency_backend.engine.context import current_step_key
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.identity import identity_of, identity_of_1_0
from fastagency_backend.engine.journal import Journal
from fastagency_backend.engine.key import FIRST_KEY, INSIDE, Keys
from fastagency_backend.engine.limits import DEFAULT_LIMITS, Limits, fits, fitted
from fastagency_backend.engine.nul import without_nul
from fastagency_backend.engine.observer import NOBODY, Observer
from fastagency_backend.engine.outline import outline_of_message
from fastagency_backend.engine.plain import plain_text, text_identity
from fastagency_backend.engine.plain_question import input_identity
from fastagency_backend.engine.question import Deadline, Questions
from fastagency_backend.engine.recording import Recording, Results
from fastagency_backend.engine.sleep import Sleeps
from fastagency_backend.engine.slot import Slots
from fastagency_backend.engine.strict import Request, Strict
from fastagency_backend.engine.tenure import UNDISPUTED, Tenure
from fastagency_backend.engine.unsaved import Unsaved
from fastagency_backend.engine.vault import OF_THIS_PROCESS, Vault
from fastagency_backend.store.base import Lease, RunLog, RunRecord, Store


class Run:
    """See the module's docstring. Made by the driver, one for each time that a worker takes the run."""

    def __init__(
        self,
        record: RunRecord,
        log: RunLog,
        *,
        store: Store,
        feeds: Feeds,
        drop: Callable[[Run], None],
        observer: Observer = NOBODY,
        unsaved: Unsaved | None = None,
        strict: Strict | None = None,
        limits: Limits = DEFAULT_LIMITS,
        tenure: Tenure = UNDISPUTED,
        vault: Vault = OF_THIS_PROCESS,
    ) -> None:
        self.id = record.id
        self.tag = record.id.encode()
        self.record = record
        self.lease = Lease(record.id, record.fence, record.epoch)
        self.tenure = tenure
        self.bridge = Bridge(record.id)
        own = weakref.ref(self)  # a ring would keep what is dropped until the collector of cycles comes
        self.journal = Journal(
            self.lease, tenure, store, feeds, self.bridge, unsaved or Unsaved(), lambda: _drop(own(), drop)
        )
        self.activity = Activity()
        self.observer = observer
        self.limits = limits
        self._keys = Keys(self.id, record.key_version)
        self.results = Results(
            self.id, log, self._keys, self.journal, self.bridge, self.activity, observer, limits, strict
        )
        self.questions = Questions(log, self.journal, self.results, self.activity, vault)
        self.sleeps = Sleeps(self.journal, self.activity)
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self.aborted: asyncio.Future[BaseException] = self.bridge.loop.create_future()
        self.slots = Slots()
        self.seen_seq = -1
        """How far the log went when it was last looked at for what others had done."""
        self._seen = set(log.event_keys)
        self.strict = strict

    # --- messages -------------------------------------------------------------------------------------------------

    def emit(self, message: LoggedMessage, *, identity: Any = None) -> bool:
        """Append a message to the log. Thread-safe; returns before it is committed.

        `identity` is what makes the message the same one in a replay: by default all of it but its own id.
        One that is larger than the limit is cut, with a line that says so.
        A workflow's thread waits here while too much is uncommitted; on the loop, `await drain()` does.
        Returns whether it is new: a replay emits again what is in the log.

        Raises:
            RunEvicted, RunUnwound: this process must drop the run.
        """
        if message.workflow_uuid != self.id:
            message = message.model_copy(update={"workflow_uuid": self.id})
        same = self._identity(message, identity)
        with self.bridge.held_open():
            key = self._key("event", message.type, same)
            if key in self._seen and self.strict is None:  # most of what a replay does: its body is not needed
                return False
            body = fitted(message, body_of(message), self.limits.max_message_bytes)
            if self.strict is not None:
                return self._hold_against_log(key, body)
            self._append(key, message.sender, body)
        self.journal.backlog.wait_for_room()
        return True

    def say(self, fields: Mapping[str, Any]) -> bool:
        """`emit` a text message of these fields, in half the time; False: it has to be made, nothing was done.

        Raises:
            RunEvicted, RunUnwound: this process must drop the run.
        """
        if self.strict is not None or self.record.key_version == 1 or (text := plain_text(self.id, fields)) is None:
            return False
        if not fits(text.body, self.limits.max_message_bytes):
            return False
        with self.bridge.held_open():
            key = self._key("event", "text_message", text.identity)
            if key not in self._seen:
                self._append(key, text.sender, text.body)
        self.journal.backlog.wait_for_room()
        return True

    async def drain(self) -> None:
        """Wait, on the engine's loop, until most of what was emitted is committed."""
        await self.journal.backlog.drain()

    def chunk(self, chunk: TextChunk) -> None:
        """Show a piece of a message under way to those who watch. Not logged, and not repeated by a replay."""
        if self.replaying or self.evicted:
            return
        self.activity.touch()
        if (delta := whole(chunk.delta)) != chunk.delta:
            chunk = chunk.model_copy(update={"delta": delta})
        self.journal.show_chunk(chunk)

    # --- steps ----------------------------------------------------------------------------------------------------

    def recording(self, kind: str, scope: str, request: Any) -> Recording:
        """Look up this very request (its n-th time in this run): for what `step` cannot express, such as streams."""
        self.bridge.check()
        key = self._key(kind, scope, request, lasting=True)
        return self.results.recording(key, scope or kind, request)

    async def step(self, kind: str, scope: str, request: Any, call: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
        """The recorded result of this request; or make the call, record what it returns, and return that.

        `kind` and `scope` (an agent's name, say) and a digest of `request` are the key. The result is committed before
        it is returned, and is what a replay will return. An error of the call is not recorded: the next such request is
        this one, tried again.
        """
        recording = self.recording(kind, scope, request)
        with recording.attempt():
            if recording.found:
                return await recording.replay()
            with recording.calling():
                value = await call()
            return await recording.save(value)

    def step_blocking(self, kind: str, scope: str, request: Any, call: Callable[[], JsonValue]) -> JsonValue:
        """`step` for a workflow's thread: the call is made in this thread."""
        recording = self.recording(kind, scope, request)
        with recording.attempt():
            if recording.found:
                return self.bridge.wait_for(recording.replay())
            with recording.calling():
                value = call()
            return self.bridge.wait_for(recording.save(value))

    def begin_again(self) -> None:
        """The step that this code is in has failed and is tried once more, in its place."""
        self._keys.begin_again(self._current_step())

    # --- people ---------------------------------------------------------------------------------------------------

    async def ask(self, question: Question, deadline: Deadline | None = None, *, identity: Any = None) -> Answer:
        """Ask a person and wait: a while warm, then out of memory until the answer brings the run back.

        Raises:
            QuestionExpired: nobody has answered before the deadline, and there is no default.
            RunEvicted: this process must drop the run; the question stays open.
        """
        return await self.bridge.cross(self._ask(question, deadline, identity))

    def ask_blocking(self, question: Question, deadline: Deadline | None = None, *, identity: Any = None) -> Answer:
        """`ask` for a workflow's thread."""
        return self.bridge.wait_for(self._ask(question, deadline, identity))

    async def _ask(self, question: Question, deadline: Deadline | None, identity: Any) -> Answer:
        if question.workflow_uuid != self.id:
            question = question.model_copy(update={"workflow_uuid": self.id})
        self.bridge.check()
        key = self._key("ask", question.sender or "", self._identity(question, identity), lasting=True)
        try:
            answer = await self.questions.ask(key, question, deadline)
        finally:
            self._keys.end(key)
        if isinstance(question, TextInput) and question.password:
            self.results.secrets.add(str(answer))
        return answer

    # --- time -----------------------------------------------------------------------------------------------------

    async def sleep(self, seconds: float) -> None:
        """Return so many seconds after this was first called, in whichever process that is.

        Raises:
            RunEvicted: this process must drop the run.
        """
        await self.bridge.cross(self._sleep(seconds))

    def sleep_blocking(self, seconds: float) -> None:
        """`sleep` for a workflow's thread."""
        self.bridge.wait_for(self._sleep(seconds))

    async def _sleep(self, seconds: float) -> None:
        moment = self.recording("sleep", "", seconds)
        key = self._key("slept", "", moment.key, lasting=True)
        if self.strict is not None and moment.found and key not in self.results.steps:
            await self.strict.wait()  # it slept when the log was copied, and that is nothing new
        ended = self.results.recording(key, "slept", moment.key)
        with moment.attempt(), ended.attempt():
            await self.sleeps.sleep(seconds, moment, ended)

    @property
    def replaying(self) -> bool:
        """Whether there are recorded results that the workflow may still ask for."""
        return self.results.replay.active

    # --- for the driver -------------------------------------------------------------------------------------------

    def cut_off(self) -> None:
        """The run is about to end: log what it is writing, as far as that has come. On the engine's loop."""
        if self.evicted:
            return
        for chunk in self.journal.under_way():
            self.emit(TextMessage(sender=chunk.sender, recipient=chunk.recipient, body=chunk.delta, interrupted=True))

    @property
    def begun(self) -> bool:
        """Whether the first message is in the log."""
        return FIRST_KEY in self._seen

    @property
    def acquitted(self) -> bool:
        """Whether the run has got further since it was taken up."""
        return self.journal.acquitted

    def abort(self, error: BaseException) -> None:
        """End the run as failed, whatever its code is doing. Thread-safe; the first error counts."""
        self.bridge.call(self._abort, error)

    def _abort(self, error: BaseException) -> None:
        if not self.aborted.done():
            self.aborted.set_result(error)

    @property
    def evicted(self) -> bool:
        """Whether this process has dropped the run."""
        return self.bridge.closed

    def parkable(self, warm_s: float) -> bool:
        """Whether the run has done nothing for a while but wait."""
        quiet = not self.journal.backlog.size and self.questions.heard and not self.results.replay.busy
        return self.record.durable and quiet and self.activity.only_waits(warm_s)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _append(self, key: str, sender: str | None, body: str) -> None:
        if INSIDE in key:  # the step around it may be tried again
            self._seen.add(key)
        self.journal.said(sender)
        self.journal.append(key, body, self.activity.touch())

    def _hold_against_log(self, key: str, body: str) -> bool:
        assert self.strict is not None
        if key in self._seen:
            self.strict.repeated(key)
        else:
            self.strict.refused(Request(key, outline_of_message(body)))
            if self.strict.full:  # code that is past all that is in the log may go on for ever
                self.bridge.dismiss()
        return key not in self._seen

    def _key(self, kind: str, scope: str, request: Any, *, lasting: bool = False) -> str:
        if not scope.isprintable():
            scope = without_nul(whole(scope))
        return self._keys.next(kind, scope, request, inside=self._current_step(), lasting=lasting)

    def _current_step(self) -> str:
        key = current_step_key()
        return "" if key is None else key.removeprefix(f"{self.id}:")

    def _identity(self, message: Message, identity: Any) -> Any:
        if identity is not None:
            return identity
        if self.record.key_version == 1:
            return identity_of_1_0(message)
        if type(message) is TextMessage and (text := text_identity(message)) is not None:
            return text
        if type(message) is TextInput and (text := input_identity(message)) is not None:
            return text
        return identity_of(message)


def _drop(run: Run | None, drop: Callable[[Run], None]) -> None:
    if run is not None:
        drop(run)
