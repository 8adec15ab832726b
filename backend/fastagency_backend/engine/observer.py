"""The seam for whoever counts or traces what happens in an engine. The engine knows no library that does.

An observer is called on the engine's loop and in threads of workflows: it is quick, and raises nothing of its own. What
a replay gives out again is told with `stepped` only: nobody was called, and nothing was paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from fastagency_backend.engine.lag import Lag
    from fastagency_backend.store.base import RunRecord, Store

CallKind = Literal["chat", "tool"]
Content = Callable[[], object]
"""What was asked or answered, made only for those who want it."""


class Observed(Protocol):
    """A process whose present state an observer may look at. `live` are runs in its memory, of at most `max_live`."""

    @property
    def store(self) -> Store: ...

    @property
    def lag(self) -> Lag: ...

    @property
    def live(self) -> int: ...

    @property
    def max_live(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a model (`chat`, its `name` is the model's) or of a tool, by an agent.

    `streamed`: its result is drawn bit by bit, so that others' code runs before it is over. Whoever draws says with
    `Seen.current` when the call's own does.
    """

    kind: CallKind
    name: str
    agent: str = ""
    call_id: str | None = None
    streamed: bool = False


class Seen:
    """One call under way, as its observer sees it; this one does not look."""

    def current(self) -> AbstractContextManager[None]:
        """Around the call's own code: what that does is a part of the call."""
        return nullcontext()

    def used(self, prompt_tokens: int, completion_tokens: int) -> None:
        """The tokens that it took."""

    def failed(self, kind: str) -> None:
        """It came to its end, and says that it failed."""

    def content(self, asked: Content, answered: Content) -> None:
        """What was said."""


class Observer:
    """Sees nothing: override what is of interest."""

    agents = False
    """Whether `agent` is to be called."""

    def started(self, process: Observed) -> None:
        """The engine runs. On its loop."""

    def stopped(self) -> None:
        """The engine has stopped."""

    def segment(self, record: RunRecord, *, fresh: bool) -> AbstractContextManager[None]:
        """Around one time through a workflow in this process."""
        return nullcontext()

    def agent(self, record: RunRecord, name: str) -> AbstractContextManager[None]:
        """Around one turn of an agent. Not closed in the context in which it was opened."""
        return nullcontext()

    def call(self, record: RunRecord, call: Call) -> AbstractContextManager[Seen]:
        """Around a call that is made."""
        return nullcontext(_UNSEEN)

    def stepped(self, key: str, *, replayed: bool) -> None:
        """A result was recorded, or given out again."""

    def committed(self, seconds: float) -> None:
        """A result was committed, so long after it was there."""

    def caught_up(self, seconds: float) -> None:
        """A replay has given out all that was recorded, so long after the run was taken up."""

    def failed(self, where: str, kind: str) -> None:
        """Something failed: a `workflow`, a `model` or a `tool`."""


class Several(Observer):
    """Tells several observers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = observers
        self.agents = any(each.agents for each in observers)

    def started(self, process: Observed) -> None:
        for each in self.observers:
            each.started(process)

    def stopped(self) -> None:
        for each in self.observers:
            each.stopped()

    @contextmanager
    def segment(self, record: RunRecord, *, fresh: bool) -> Iterator[None]:
        with ExitStack() as stack:
            for each in self.observers:
                stack.enter_context(each.segment(record, fresh=fresh))
            yield

    @contextmanager
    def agent(self, record: RunRecord, name: str) -> Iterator[None]:
        with ExitStack() as stack:
            for each in self.observers:
                stack.enter_context(each.agent(record, name))
            yield

    @contextmanager
    def call(self, record: RunRecord, call: Call) -> Iterator[Seen]:
        with ExitStack() as stack:
            yield _SeenBySeveral([stack.enter_context(each.call(record, call)) for each in self.observers])

    def stepped(self, key: str, *, replayed: bool) -> None:
        for each in self.observers:
            each.stepped(key, replayed=replayed)

    def committed(self, seconds: float) -> None:
        for each in self.observers:
            each.committed(seconds)

    def caught_up(self, seconds: float) -> None:
        for each in self.observers:
            each.caught_up(seconds)

    def failed(self, where: str, kind: str) -> None:
        for each in self.observers:
            each.failed(where, kind)


class _SeenBySeveral(Seen):
    def __init__(self, seen: Sequence[Seen]) -> None:
        self._seen = seen

    @contextmanager
    def current(self) -> Iterator[None]:
        with ExitStack() as stack:
            for each in self._seen:
                stack.enter_context(each.current())
            yield

    def used(self, prompt_tokens: int, completion_tokens: int) -> None:
        for each in self._seen:
            each.used(prompt_tokens, completion_tokens)

    def failed(self, kind: str) -> None:
        for each in self._seen:
            each.failed(kind)

    def content(self, asked: Content, answered: Content) -> None:
        for each in self._seen:
            each.content(asked, answered)


_UNSEEN = Seen()
NOBODY = Observer()
"""Nobody observes."""
