"""The workflows that every provider under contract must have, written once, whatever runs them."""

from collections.abc import Callable
from typing import Any, Protocol

from fastagency_backend.engine.context import current_run
from fastagency_backend.workflow import UI, Workflow
from fastagency_shared.messages import MultipleChoice, Question, TextChunk, TextInput, TextMessage

from tests.fakes.provider import FakeProvider, FakeRun, FakeWorkflow

COLORS = ["Red", "Green, dark", "Blue"]


class Desk(Protocol):
    """What a workflow of the contract can do."""

    params: dict[str, Any]

    def say(self, body: str) -> None: ...

    def write(self, delta: str) -> None:
        """A piece of a message that is under way."""

    def ask(self, question: Question) -> str: ...


def greet(desk: Desk) -> str:
    """Asks for a name."""
    name = desk.ask(TextInput(sender="clerk", prompt="Your name?", suggestions=["Ann", "Bob"]))
    desk.say(f"Hello {name}!")
    return f"greeted {name}"


def choose(desk: Desk) -> str:
    """Asks for one color, then for several."""
    one = desk.ask(MultipleChoice(prompt="One?", choices=COLORS))
    many = desk.ask(MultipleChoice(prompt="Several?", choices=COLORS, single=False))
    return f"{one} / {many}"


def secret(desk: Desk) -> str:
    """Asks for a password and tells its length."""
    return str(len(desk.ask(TextInput(prompt="Password?", password=True))))


def count(desk: Desk) -> str:
    """Says the numbers from 1 to `to`."""
    for number in range(1, desk.params.get("to", 3) + 1):
        desk.say(str(number))
    return "counted"


def show(desk: Desk) -> str:
    """Returns its parameters."""
    return repr(sorted(desk.params.items()))


def recite(desk: Desk) -> str:
    """Begins to say something, and asks in the middle of it."""
    desk.write("Once ")
    desk.write("upon ")
    desk.ask(TextInput(sender="host", prompt="Go on?"))
    desk.write("a time.")
    desk.say("Once upon a time.")
    return "recited"


def fail(desk: Desk) -> str:
    """Fails with something internal."""
    raise RuntimeError("internal-detail-7")


WORKFLOWS: dict[str, Callable[[Desk], str]] = {
    function.__name__: function for function in (greet, choose, secret, count, show, recite, fail)
}


def description(name: str) -> str:
    return WORKFLOWS[name].__doc__ or ""


class _FakeDesk:
    def __init__(self, run: FakeRun) -> None:
        self.params = run.params
        self._run = run

    def say(self, body: str) -> None:
        self._run.emit(TextMessage(sender="clerk", body=body))

    def write(self, delta: str) -> None:
        self._run.chunk(TextChunk(sender="clerk", stream="s", delta=delta))

    def ask(self, question: Question) -> str:
        answer = self._run.ask(question)
        return answer if isinstance(answer, str) else ",".join(answer)


class _UIDesk:
    def __init__(self, ui: UI, params: dict[str, Any]) -> None:
        self.params = params
        self._ui = ui

    def say(self, body: str) -> None:
        self._ui.text_message(sender="clerk", body=body)

    def write(self, delta: str) -> None:
        run = current_run()
        assert run is not None, "a workflow is always inside its run"
        run.chunk(TextChunk(sender="clerk", stream="s", delta=delta))

    def ask(self, question: Question) -> str:
        return str(self._ui.process_message(question))


def fake_provider() -> FakeProvider:
    def script(function: Callable[[Desk], str]) -> Callable[[FakeRun], str]:
        return lambda run: function(_FakeDesk(run))

    return FakeProvider(
        {name: FakeWorkflow(description(name), script(function)) for name, function in WORKFLOWS.items()}
    )


def workflow() -> Workflow:
    registry = Workflow()

    def body(function: Callable[[Desk], str]) -> Callable[[UI, dict[str, Any]], str]:
        return lambda ui, params: function(_UIDesk(ui, params))

    for name, function in WORKFLOWS.items():
        registry.register(name=name, description=description(name))(body(function))
    return registry
