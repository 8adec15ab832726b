"""Where the classic API shows and asks inside a run: into the run's log, in place of the server's terminal.

The framework sends events to the `IOStream` of the context. `RunStream` is the one of a run; the streams that
`a.run(...)` makes (a queue that `ui.process` reads) show what passes through them the moment it is sent, so that an
event is shown once and in its place, whoever reads the queue, and even if nobody does.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from autogen.events.agent_events import ErrorEvent
from autogen.events.print_event import PrintEvent
from fastagency_shared.answer import Answer
from fastagency_shared.messages import FunctionCallExecution, SuggestedFunctionCall, TextChunk, TextInput

from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.classic.prompt import Prompt, rewrite
from fastagency_backend.frameworks.classic.translate import Shown, translate

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Speaker:
    """Whose work this is; `stream` tells the pieces of one completion from those of another."""

    name: str | None = None
    stream: str = ""


_NOBODY = Speaker()
_speaker: contextvars.ContextVar[Speaker] = contextvars.ContextVar("fastagency_ag2_speaker", default=_NOBODY)


@contextmanager
def speaking(name: str | None, stream: str = "") -> Iterator[None]:
    """Name the agent for what the framework sends without a name: questions and pieces of completions."""
    token = _speaker.set(Speaker(name, stream))
    try:
        yield
    finally:
        _speaker.reset(token)


def current_speaker() -> str | None:
    """The agent whose work this is."""
    return _speaker.get().name


@dataclass
class _Calls:
    """The function calls of a run. The framework tells of a result when it is there and again when it is sent on."""

    names: dict[str, str | None] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    unnamed: list[tuple[str | None, str]] = field(default_factory=list)

    def admit(self, message: Shown) -> Shown | None:
        """The message, with the function's name where the event had only the call's id; None if it was shown before."""
        if isinstance(message, SuggestedFunctionCall) and message.call_id:
            self.names[message.call_id] = message.function_name
            self.shown.discard(message.call_id)  # some models count their calls from 1 in every reply
        if not isinstance(message, FunctionCallExecution):
            return message
        if message.call_id is None:
            return self._admit_unnamed(message)
        if message.call_id in self.shown:
            return None
        self.shown.add(message.call_id)
        return message.model_copy(update={"function_name": message.function_name or self.names.get(message.call_id)})

    def _admit_unnamed(self, message: FunctionCallExecution) -> FunctionCallExecution | None:
        """Without an id, a result that is sent on is known by its function and its text."""
        result = str(message.retval)
        for executed in self.unnamed:
            if message.recipient is not None and executed[1] == result and message.function_name in (None, executed[0]):
                self.unnamed.remove(executed)
                return None
        if message.recipient is None:
            self.unnamed.append((message.function_name, result))
        return message


def show(run: Run, event: Any) -> None:
    """Put an event into the run's log. Thread-safe; on a loop, the caller drains the run now and then."""
    if isinstance(event, ErrorEvent):
        logger.debug("A chat of the run failed; whoever reads its response gets the error", extra={"run_id": run.id})
        return
    calls = run.slots[_Calls]
    for message in translate(event):
        match message:
            case TextChunk():
                speaker = _speaker.get()
                run.chunk(message.model_copy(update={"sender": speaker.name, "stream": speaker.stream}))
            case TextInput():
                continue  # it is shown by being asked
            case _:
                admitted = calls.admit(message)
                if admitted is not None and not isinstance(admitted, TextChunk):
                    run.emit(admitted)


def ask_blocking(run: Run, prompt: str, *, password: bool = False) -> str:
    """Ask a person from a thread of the run."""
    asked = rewrite(prompt)
    return _read(asked, run.ask_blocking(_question(asked, password)))


async def ask(run: Run, prompt: str, *, password: bool = False) -> str:
    """Ask a person from a task of the run."""
    asked = rewrite(prompt)
    return _read(asked, await run.ask(_question(asked, password)))


class RunStream:
    """The framework's `IOStream` for code in a thread of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def send(self, message: Any) -> None:
        show(self._run, message)

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        self.send(PrintEvent(*objects, sep=sep, end=end))

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        return ask_blocking(self._run, prompt, password=password)


class AsyncRunStream:
    """Its input, for code in a task of a run."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def input(self, prompt: str = "", *, password: bool = False) -> str:
        return await ask(self._run, prompt, password=password)


def _question(asked: Prompt, password: bool) -> TextInput:
    return TextInput(
        sender=_speaker.get().name,
        recipient="User",
        prompt=asked.text,
        suggestions=list(asked.suggestions),
        password=password,
    )


def _read(asked: Prompt, answer: Answer) -> str:
    return asked.read(answer if isinstance(answer, str) else ", ".join(answer))
