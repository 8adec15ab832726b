"""The store: everything the system knows of its runs. Nothing is true of a run until it is committed here.

This module is the contract, with three parts of their own: `dispatch.py`, which worker has which run, `signals.py`,
what processes tell each other, and `people.py`, who there is. Every implementation passes `tests/contract`. A store is
opened on one event loop and used from it, except for the `append_*` methods, which any thread may call.

Writes are carried out in the order in which they were handed over, whoever handed them over: an event is never in the
log before a step that was recorded ahead of it. A write that needs the run's ownership carries a `Lease`; when the run
has another owner by now, or has ended, the write fails with `LeaseLost` and changes nothing. Once a write under a lease
has failed for any other reason, all behind it fail with `LeaseVoid`: what is in the log is always a beginning of what
the run did, whatever the disk did meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from fastagency_shared.run import RunStatus
from fastagency_shared.user import User

from fastagency_backend.store.signals import Hears, Signals

if TYPE_CHECKING:
    from fastagency_backend.store.dispatch import Dispatcher
    from fastagency_backend.store.people import People


class StoreError(Exception):
    """The store could not do what it was asked; the message is for the log and the person on call."""


class LeaseLost(StoreError):
    """The run has another owner by now, or has ended: this worker must drop it."""


class StoreBroken(StoreError):
    """The store is beyond use in this process (damaged, deleted, replaced): somebody has to look at it."""


class LeaseVoid(StoreError):
    """An earlier write under this lease failed, so this one was not tried."""


class Everybody(Enum):
    """All users, where one is asked for."""

    EVERYBODY = "everybody"


EVERYBODY = Everybody.EVERYBODY

PAGE_BYTES = 2_097_152
"""Of a page of events, about; one event at least."""
LISTED_CHARS, LISTED_QUESTIONS, LISTED_QUESTION_CHARS = 1000, 10, 10_000
"""What a list shows of a run: the beginning of its result, and that many open questions that are not too long."""
KEY_VERSION = 2
"""How the keys in the log of a new run are made; `engine/key.py` knows each version."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is known when a run is created. `params` is JSON text; times are seconds since the epoch.

    `started_by` is the `User` as JSON text, where more is known of them than an id.
    """

    id: str
    workflow: str
    params: str
    user_id: str | None
    title: str
    durable: bool
    at: float
    key_version: int = KEY_VERSION
    started_by: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Who takes a run up in the very commit that creates it, and of which build; and the first message of its log."""

    worker: str
    key: str
    body: str
    build: str | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One row of the run table, with the newest `seq` and the bodies of the open questions, oldest first.

    `attempts` is how many workers have died with the run since it last got further, `blamed` says that at the last of
    these deaths no other run can have been the cause.
    `parent` is the run that this one was forked from; `build` the one that drove it last, if it has a name.
    `started_by` is who started it, as they were then, if that is more than `user_id`. `epoch` is that of the log when
    this was read: see `Store.epoch`.
    """

    id: str
    workflow: str
    params: str
    user_id: str | None
    status: RunStatus
    title: str
    result: str | None
    durable: bool
    worker: str | None
    fence: int
    created: float
    updated: float
    key_version: int = KEY_VERSION
    attempts: int = 0
    blamed: bool = False
    parent: str | None = None
    build: str | None = None
    started_by: str | None = None
    last_seq: int = 0
    questions: tuple[str, ...] = ()
    epoch: int = 0

    @property
    def user(self) -> User | None:
        """Who started the run, as they were then: the same in every replay, whoever they are called by now."""
        if self.started_by is not None:
            return User.from_json(self.started_by)
        return User(self.user_id) if self.user_id else None


@dataclass(eq=False, slots=True)
class Lease:
    """The right to write to a run, for one taking-up of it: valid while the run's row carries this fence, in one epoch.

    A write that fails makes its lease void, at once, for the writes behind it would leave a gap in what the run did.
    Whoever takes the run up again makes a new lease, be it of the same fence.
    """

    run_id: str
    fence: int
    epoch: int = 0
    void: bool = field(default=False, init=False)
    """Set and read by the store's writer only."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A committed message: `body` is its JSON without `seq` and `at`."""

    seq: int
    at: float
    body: str


@dataclass(frozen=True, slots=True)
class StepRecord:
    """A recorded result: `order` is its place among all results that reached the run, `value` is JSON text.

    `asked` is the outline of the request, as JSON text, kept to say what changed; a replay does not need or load it.
    """

    order: int
    value: str
    asked: str | None = None


@dataclass(frozen=True, slots=True)
class QuestionRecord:
    """A question that was asked. `value` is the answer's JSON; `order` is set once the answer has reached the run.

    `due` is the deadline, if it has one. At that moment the default becomes the answer; without one, `EXPIRED` does.
    """

    uuid: str
    value: str | None
    order: int | None
    due: float | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer reaches a run that is driven in this process: its `order` among the results of this taking-up.

    `taken` is called on the store's loop with the commit: in the order of the commits, as every `Done` is.
    """

    lease: Lease
    order: int
    taken: Callable[[Answered], None]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that was taken: its event, and how the run stands by it. `placed`: it has the place that was asked for.

    Without one, whoever drives the run looks for the answer, and notes its place.
    """

    event: StoredEvent
    status: RunStatus
    placed: bool = False


BLANKED = "blanked"
"""In the place of the answer to a question with `password`, once the run has ended."""
HIDDEN = '"password":true'
"""What the body of such a question holds, and no other: inside a text, the quotes would be escaped."""
EXPIRED = "null"
"""In the place of an answer: nobody gave one in time, and there is no default."""


@dataclass(frozen=True, slots=True)
class RunLog:
    """What replay needs: recorded steps and questions by key, and the keys of the events in the log."""

    steps: dict[str, StepRecord] = field(default_factory=dict)
    questions: dict[str, QuestionRecord] = field(default_factory=dict)
    event_keys: frozenset[str] = frozenset()

    @property
    def last_order(self) -> int:
        """The place of the newest result."""
        noted = (question.order for question in self.questions.values() if question.order is not None)
        return max(*(step.order for step in self.steps.values()), *noted, 0, 0)


@dataclass(frozen=True, slots=True)
class Past:
    """What a run did, for people, by key: the outlines of its steps' requests, and the bodies of what it said."""

    asked: dict[str, str | None] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events and the run, read at one moment; `run` is None when there is none. `more` says that a page follows."""

    run: RunRecord | None
    events: tuple[StoredEvent, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class Census:
    """How much there is of everything, for whoever looks after the service.

    `runs` by status; `questions` that wait for an answer, and the time at which the oldest was asked; `parked`: runs
    that wait and are in no process's memory.
    """

    runs: dict[RunStatus, int]
    questions: int
    oldest_question_at: float | None
    parked: int


Done = Callable[[int | None, Exception | None], None]
"""Called on the store's loop once a write is committed: with the event's seq (0 for a step), or with the error."""

Broken = Callable[[StoreBroken], None]
"""Called on the store's loop when the store has become unusable: once, or a few times."""


class Store(Protocol):
    """See the module's docstring. Every coroutine may raise `StoreError`."""

    @property
    def dispatcher(self) -> Dispatcher:
        """What shares the runs out among workers."""
        ...

    @property
    def signals(self) -> Signals:
        """What tells the processes of each other; opened and closed with the store."""
        ...

    @property
    def people(self) -> People:
        """Who there is, who has signed in, and who has looked at what."""
        ...

    @property
    def epoch(self) -> int:
        """How often the database may have lost the newest of what was committed: by a failover, say. It only grows.

        A `seq`, or a fence, of another epoch may have been given out a second time: so no cursor of another epoch is
        good, and under a lease of another one nothing is written (`LeaseLost`). When it has grown, `Hears.begun_anew`
        is called; nothing that is read or written in the new epoch comes before that.
        """
        ...

    async def open(self, hears: Hears, broken: Broken | None = None) -> None: ...

    async def close(self) -> None:
        """Write what was handed over, then let go of the file."""
        ...

    async def census(self) -> Census:
        """Count. It looks at every run, so it is not for every request."""
        ...

    async def now(self) -> float:
        """The store's own clock: seconds since the epoch. Moments at which something is due are reckoned by it."""
        ...

    @property
    def queued(self) -> int:
        """How many writes are waiting, about."""
        ...

    # --- runs -----------------------------------------------------------------------------------------------------

    async def create_run(self, new: NewRun, start: Start | None = None) -> tuple[RunRecord, bool]:
        """Create the run; or return the one of that id as it is. The flag says whether it was created now.

        With `start` a run that is created is claimed, and its log begun, in the same commit; unless the worker is not
        registered or has not renewed its lease in time: then it is ready, as without. That is decided in the commit,
        so that `release_worker`, and whoever buries a dead worker, finds the run or comes first.
        """
        ...

    async def fork_run(self, run_id: str, before: str, new_id: str, at: float) -> RunRecord | None:
        """A new run with the log up to a question, which is open again. None: the run never asked that.

        Its events are those before the question, numbered from 1, and the question; its results those that reached the
        run before the question's answer did. Answers to questions with `password` are not among them: these are open.
        """
        ...

    async def get_run(self, run_id: str) -> RunRecord | None: ...

    async def list_runs(
        self,
        user_id: str | Everybody | None,
        *,
        limit: int,
        before: str | None,
        statuses: Sequence[RunStatus] = (),
        workflow: str | None = None,
    ) -> list[RunRecord]:
        """A user's runs, or everybody's, newest first: with one of the statuses, if any are named, of the workflow.

        They come without their params (`{}`), and with as much of results and questions as `LISTED_...` say: hundreds
        of runs are read at once. `before` that is no run of this user's is the end of the list.
        """
        ...

    async def count_at_work(self, user_id: str) -> int:
        """How many runs of a user are being driven and wait for nothing."""
        ...

    async def walk_runs(self, *, after: str, limit: int, ended: bool) -> list[RunRecord]:
        """All users' runs whose id is greater than `after`, by id: those that have not ended, or all."""
        ...

    async def rename_run(self, run_id: str, title: str, at: float) -> RunRecord | None: ...

    async def delete_run(self, run_id: str) -> bool:
        """Remove the run with all that belongs to it, as far as anybody can see; `sweep` gives the space back."""
        ...

    async def delete_ended_before(self, at: float, *, limit: int) -> int:
        """Remove up to `limit` runs that ended before a moment; returns how many. `sweep` gives the space back."""
        ...

    async def sweep(self) -> bool:
        """Clear away a little of what deleted runs have left; whether there is more. Holds nobody up for long."""
        ...

    async def ensure_writable(self) -> None:
        """Write something and commit it. Raises `StoreError` when that cannot be done now (the disk is full, say)."""
        ...

    async def heads(self, run_ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        """The newest `seq` of each run, and its status with its title behind it. Missing: deleted."""
        ...

    # --- the life of an owned run ---------------------------------------------------------------------------------

    def acquit_run(self, lease: Lease) -> None:
        """The run has got further since it was taken up: it has no attempts any more. Thread-safe, not waited for."""
        ...

    async def load_log(self, run_id: str) -> RunLog: ...

    async def load_past(self, run_id: str) -> Past: ...

    def append_event(self, lease: Lease, key: str, body: str, at: float, done: Done) -> None:
        """Append a message. Thread-safe; returns before it is committed."""
        ...

    def append_step(self, lease: Lease, key: str, step: StepRecord, done: Done) -> None:
        """Record a result. Thread-safe; returns before it is committed."""
        ...

    async def open_question(
        self, lease: Lease, key: str, uuid: str, body: str, at: float, due: float | None = None
    ) -> StoredEvent:
        """Log a question and leave it open; the run waits from now on. From `due` on, no answer is taken any more.

        The run has got further: see `acquit_run`.
        """
        ...

    async def read_answer(self, run_id: str, uuid: str) -> str | None:
        """The answer, or what counts in its place: see `QuestionRecord`."""
        ...

    async def expire_question(self, lease: Lease, uuid: str, value: str, body: str, at: float) -> StoredEvent | None:
        """Close a question with what counts in the place of an answer, and log that. None: it was not open any more."""
        ...

    async def has_expired(self, run_id: str, uuid: str) -> bool:
        """Whether the question was closed, or is to be, because its deadline has passed."""
        ...

    async def rest(self, lease: Lease, due: float | None) -> None:
        """The run does nothing from now on until a moment; or, with None, goes on.

        A parked run cannot: whoever parked it has let go of it, and gets `LeaseLost`.
        """
        ...

    def note_answer(self, lease: Lease, uuid: str, order: int, done: Done) -> None:
        """Record the place at which an answer reached the run. Thread-safe."""
        ...

    async def park_run(self, lease: Lease) -> bool:
        """Let go of a run that only waits; false when an answer has come meanwhile.

        It can be claimed at the moment that it rests until, and at the deadline of a question that is open.
        """
        ...

    async def finish_run(
        self, lease: Lease, status: RunStatus, result: str | None, body: str, at: float
    ) -> StoredEvent:
        """Append the last message and end the run, in one commit; answers to passwords are `BLANKED`."""
        ...

    # --- what clients do, in any process --------------------------------------------------------------------------

    async def read_events(
        self, run_id: str, *, after: int, limit: int, before: int | None = None, max_bytes: int = PAGE_BYTES
    ) -> EventPage:
        """Events with `after < seq`, in order; with `before`, the newest `limit` of those with `seq < before`.

        A page has at most about `max_bytes`, but at least one event.
        """
        ...

    async def answer_question(
        self, run_id: str, uuid: str, value: str, body: str, at: float, title: str | None, place: Place | None = None
    ) -> Answered | None:
        """Record the first answer to an open question, log it, and wake the run. None: it was not open any more.

        `title` becomes the run's title if it has only its first one. The answer has its `place` from this commit on if
        the lease is good and the run is not parked; if not, it is taken all the same. That the store fails here does
        not make the lease void: the run has not got the answer, and waits for one as before.
        """
        ...

    async def retry_run(self, run_id: str, body: str, at: float) -> StoredEvent | None:
        """Log that a failed run goes on, and make it ready. None: it had not failed."""
        ...

    async def cancel_run(self, run_id: str, body: str, at: float) -> StoredEvent | None:
        """End a run that has not ended, as `finish_run` does. None: it had."""
        ...
