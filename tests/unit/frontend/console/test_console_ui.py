"""A conversation in a terminal, from the choice of the workflow to the exit code."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from fastagency_frontend.app import FastAgency, TerminalInterface
from fastagency_frontend.console import ConsoleUI
from fastagency_shared.answer import Answer
from fastagency_shared.errors import AlreadyAnswered, BackendTimeout, InvalidRequest, UnknownQuestion
from fastagency_shared.messages import MultipleChoice, TextInput, TextMessage
from fastagency_shared.provider import Caller
from fastagency_shared.run import RunStatus

from tests.fakes.provider import FakeProvider, FakeRun, FakeWorkflow

Script = Callable[[FakeRun], str]


def echo(run: FakeRun) -> str:
    name = run.ask(TextInput(sender="clerk", prompt="Your name?"))
    run.emit(TextMessage(sender="clerk", body=f"Hello {name}!"))
    return f"greeted {name}"


def fail(run: FakeRun) -> str:
    raise RuntimeError("broken")


def choose(run: FakeRun) -> str:
    return str(run.ask(MultipleChoice(prompt="Which?", choices=["Red", "Blue"])))


def provider_of(**scripts: Script) -> FakeProvider:
    return FakeProvider({name: FakeWorkflow(f"The {name} workflow.", script) for name, script in scripts.items()})


def console(provider: FakeProvider, typed: str = "", **options: Any) -> tuple[int, str]:
    out = io.StringIO()
    ui = ConsoleUI(stdin=io.StringIO(typed), stdout=out)
    FastAgency(provider, ui, title="Desk", description="Say hello.")
    code = ui.run(**options)
    return code, out.getvalue()


def test_it_is_a_terminal_interface() -> None:
    assert isinstance(ConsoleUI(), TerminalInterface)


def test_a_conversation_from_start_to_end() -> None:
    code, out = console(provider_of(echo=echo), "Ann\n", params={"lang": "en"})
    assert code == 0
    for shown in ("Desk", "Say hello.", "Started: echo", "lang: en", "Your name?", "> ", "Hello Ann!", "greeted Ann"):
        assert shown in out
    assert "Answered" not in out


def test_the_only_workflow_is_run_and_one_of_several_is_asked_for() -> None:
    provider = provider_of(fail=fail, echo=echo)
    code, out = console(provider, "2\nAnn\n")
    assert code == 0
    assert "Which workflow?" in out
    assert "1) fail" in out
    assert "Hello Ann!" in out


def test_no_workflow_at_all_is_one_sentence() -> None:
    code, out = console(provider_of())
    assert code == 1
    assert "There is no workflow to run" in out


def test_an_unknown_workflow_is_one_sentence() -> None:
    code, out = console(provider_of(echo=echo), workflow="chess")
    assert code == 1
    assert "chess" in out


def test_a_failed_workflow_has_an_exit_code() -> None:
    code, out = console(provider_of(fail=fail))
    assert code == 1
    assert "Failed:" in out


def test_a_backend_that_is_down_is_one_sentence() -> None:
    provider = provider_of(echo=echo)
    provider.down = True
    code, out = console(provider, workflow="echo")
    assert code == 1
    assert "Traceback" not in out


def test_the_end_of_the_input_stops_the_run_and_says_so() -> None:
    provider = provider_of(echo=echo)
    code, out = console(provider, "")
    assert code == 1
    assert "The input has ended" in out
    assert [run.status for run in provider.runs()] == [RunStatus.CANCELLED]


class Interrupted(io.StringIO):
    """Ctrl-C at the first prompt."""

    reads = 0

    def readline(self, *args: Any) -> Any:
        self.reads += 1
        raise KeyboardInterrupt


def test_ctrl_c_stops_the_run_and_asks_nothing_more() -> None:
    provider = provider_of(echo=echo)
    typed, out = Interrupted(), io.StringIO()
    ui = ConsoleUI(stdin=typed, stdout=out)
    FastAgency(provider, ui)
    assert ui.run() == 130
    assert "Stopped." in out.getvalue()
    assert typed.reads == 1
    assert [run.status for run in provider.runs()] == [RunStatus.CANCELLED]


class Refusing(FakeProvider):
    """Raises the given errors at the first answers; `record_first` records the answer all the same."""

    errors: list[Exception]
    record_first = False

    def answer(self, run_id: str, question: str, value: Answer, *, caller: Caller = Caller()) -> None:  # noqa: B008
        if self.errors:
            if self.record_first:
                super().answer(run_id, question, value)
            raise self.errors.pop(0)
        super().answer(run_id, question, value)


def refusing(script: Script, *errors: Exception) -> Refusing:
    provider = Refusing({"it": FakeWorkflow("It.", script)})
    provider.errors = list(errors)
    return provider


def test_a_refused_answer_is_explained_and_asked_again() -> None:
    code, out = console(refusing(echo, InvalidRequest("Too rude.")), "Hey\nAnn\n")
    assert code == 0
    assert "Too rude." in out
    assert "Hello Ann!" in out


def test_a_choice_that_is_none_is_asked_again_before_it_is_sent() -> None:
    code, out = console(provider_of(choose=choose), "Green\n2\n")
    assert code == 0
    assert "is not one of the choices" in out
    assert "  Blue" in out


def test_an_answer_is_kept_while_the_backend_is_away() -> None:
    code, out = console(refusing(echo, BackendTimeout("Too slow.")), "Ann\n\n")
    assert code == 0
    assert "Too slow." in out
    assert "Hello Ann!" in out


def test_an_answer_that_had_arrived_all_the_same_is_no_news() -> None:
    provider = refusing(echo, BackendTimeout("Too slow."))
    provider.record_first = True
    code, out = console(provider, "Ann\n\n")
    assert code == 0
    assert "already answered" not in out
    assert "Hello Ann!" in out


def test_the_answer_of_somebody_else_counts_and_is_shown() -> None:
    class Elsewhere(FakeProvider):
        def answer(self, run_id: str, question: str, value: Answer, *, caller: Caller = Caller()) -> None:  # noqa: B008
            super().answer(run_id, question, "Bob")
            raise AlreadyAnswered("Somebody has already answered this question.")

    code, out = console(Elsewhere({"it": FakeWorkflow("It.", echo)}), "Ann\n")
    assert code == 0
    assert "Somebody has already answered" in out
    assert "Answered" in out
    assert "Hello Bob!" in out


def test_a_user_interface_without_an_application_says_so() -> None:
    with pytest.raises(RuntimeError, match="belongs to no application"):
        ConsoleUI().run()


def test_after_a_failover_all_is_shown_again_and_only_what_is_open_is_asked() -> None:
    class FailingOver(FakeProvider):
        """Loses the answer to the second question."""

        def answer(self, run_id: str, question: str, value: Answer, *, caller: Caller = Caller()) -> None:  # noqa: B008
            if value == "lost":
                self.fail_over(run_id, keep=5)
                raise UnknownQuestion("This conversation does not ask that.")
            super().answer(run_id, question, value)

    def script(run: FakeRun) -> str:
        first = run.ask(TextInput(prompt="One?"))
        run.emit(TextMessage(body="So be it."))
        second = run.ask(TextInput(uuid="q", prompt="Two?"))
        return f"{first} and {second}"

    provider = FailingOver({"it": FakeWorkflow("It.", script)})
    code, out = console(provider, "one\nlost\ntwo\n")
    assert code == 0
    assert out.count("One?") == 2
    assert out.count("So be it.") == 2
    assert "may be lost" in out
    assert "one and two" in out
