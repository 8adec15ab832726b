"""`ConsoleUI`: one run of a workflow in a terminal, with workflows of this process or of a backend."""

from collections.abc import Generator, Iterator, Mapping
from typing import Any, TextIO

from fastagency_shared.errors import (
    AlreadyAnswered,
    BackendError,
    FastAgencyError,
    InvalidRequest,
    QuestionExpired,
    StaleCursor,
    TooLarge,
    UnknownQuestion,
)
from fastagency_shared.messages import (
    InputAnswered,
    LoggedMessage,
    MultipleChoice,
    Question,
    TextInput,
    TransientMessage,
    WorkflowCompleted,
)
from fastagency_shared.provider import ANYBODY, Caller, Provider

from fastagency_frontend.app import Application
from fastagency_frontend.console.ask import ask
from fastagency_frontend.console.render import render
from fastagency_frontend.console.terminal import EndOfInput, Line, Style, Terminal

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130

END_OF_INPUT = "The input has ended, so that nobody can answer. The conversation was stopped."


class ConsoleUI:
    """Runs a workflow in the terminal, for `FastAgency(provider=..., ui=ConsoleUI())` and `fastagency run`.

    Args:
        stdin: where people type; the terminal by default.
        stdout: where they read; the terminal by default.
    """

    def __init__(self, *, stdin: TextIO | None = None, stdout: TextIO | None = None) -> None:
        self._terminal = Terminal(stdin, stdout)
        self._application: Application | None = None

    def mount(self, application: Application) -> None:
        """Called by `FastAgency`: from now on, workflows of this application are run."""
        self._application = application

    def run(
        self, workflow: str | None = None, params: Mapping[str, Any] | None = None, *, token: str | None = None
    ) -> int:
        """Run one workflow to its end; which one, a person is asked if there are several and none is named.

        `token` is a bearer token that says to a backend who asks.
        Returns the exit code of the process: 0 when it completed, 130 when it was stopped by Ctrl-C, else 1.
        """
        if self._application is None:
            raise RuntimeError("This ConsoleUI belongs to no application yet: pass it to FastAgency(ui=...).")
        self._greet(self._application)
        try:
            provider, caller = self._application.provider, ANYBODY if token is None else Caller(token=lambda: token)
            name = workflow or self._pick(provider, caller)
            return _Conversation(self._terminal, provider, caller).run(name, params or {})
        except EndOfInput:
            return self._fail(END_OF_INPUT)
        except FastAgencyError as error:
            return self._fail(str(error))
        except KeyboardInterrupt:
            self._terminal.show([Line(), Line("Stopped.", Style.YELLOW)])
            return EXIT_INTERRUPTED

    def _greet(self, application: Application) -> None:
        about = [Line(application.description)] if application.description else []
        self._terminal.show([Line(application.title, Style.BOLD), *about])

    def _pick(self, provider: Provider, caller: Caller) -> str:
        workflows = provider.workflows(caller)
        if not workflows:
            raise InvalidRequest(
                "There is no workflow to run: register one with @wf.register(name=..., description=...)."
            )
        if len(workflows) == 1:
            return workflows[0].name
        self._terminal.show([Line(), Line("Which workflow?", Style.YELLOW)])
        self._terminal.show(Line(f"  {workflow.name}: {workflow.description}", Style.DIM) for workflow in workflows)
        question = MultipleChoice(choices=[workflow.name for workflow in workflows])
        return str(ask(self._terminal, question))

    def _fail(self, sentence: str) -> int:
        self._terminal.show([Line(), Line(sentence, Style.RED)])
        return EXIT_FAILED


class _Conversation:
    """One run: shows what comes, asks what is asked, and stops the run when the person at the terminal is gone."""

    def __init__(self, terminal: Terminal, provider: Provider, caller: Caller) -> None:
        self._terminal = terminal
        self._provider = provider
        self._caller = caller
        self._answered: set[str] = set()
        self._past = 0
        """Up to here, the log was there when it was read anew: of its questions only `_open` are asked."""
        self._open: set[str] = set()

    def run(self, name: str, params: Mapping[str, Any]) -> int:
        run_id = self._provider.start(name, params, caller=self._caller).workflow_uuid
        try:
            while True:
                messages = self._provider.follow(run_id, caller=self._caller)
                try:
                    return self._follow(run_id, messages)
                except StaleCursor as news:
                    self._begin_anew(run_id, news)
                finally:
                    if isinstance(messages, Generator):
                        messages.close()
        except (KeyboardInterrupt, EndOfInput):
            self._provider.cancel(run_id, caller=self._caller)
            raise

    def _begin_anew(self, run_id: str, news: StaleCursor) -> None:
        """What was shown may not be in the log any more: show all that is, and ask only what is still open."""
        self._terminal.show([Line(), Line(str(news), Style.YELLOW)])
        self._answered.clear()
        run = self._provider.run(run_id, caller=self._caller)
        self._past, self._open = run.last_seq, {question.uuid for question in run.questions}

    def _is_past(self, question: Question) -> bool:
        return (question.seq or 0) <= self._past and question.uuid not in self._open

    def _follow(self, run_id: str, messages: Iterator[LoggedMessage | TransientMessage | None]) -> int:
        for message in messages:
            if message is None or (isinstance(message, InputAnswered) and message.question in self._answered):
                continue
            self._terminal.show(render(message))
            if isinstance(message, TextInput | MultipleChoice) and not self._is_past(message):
                self._ask(run_id, message)
            if message.ends_run:
                return EXIT_OK if isinstance(message, WorkflowCompleted) else EXIT_FAILED
        return EXIT_FAILED

    def _ask(self, run_id: str, question: Question) -> None:
        """Ask until the answer is recorded, this one or somebody else's."""
        while True:
            value = ask(self._terminal, question)
            try:
                self._send(run_id, question, value)
            except (InvalidRequest, TooLarge) as refusal:
                self._terminal.show([Line(str(refusal), Style.RED)])
            except (AlreadyAnswered, QuestionExpired, UnknownQuestion) as news:
                self._terminal.show([Line(str(news), Style.YELLOW)])
                return
            else:
                self._answered.add(question.uuid)
                return

    def _send(self, run_id: str, question: Question, value: str | list[str]) -> None:
        """Send an answer, again when the person says so: what was typed is not lost when the backend is away."""
        tried = False
        while True:
            try:
                return self._provider.answer(run_id, question.uuid, value, caller=self._caller)
            except AlreadyAnswered:
                if tried:
                    return None  # by the attempt whose reply got lost
                raise
            except BackendError as error:
                tried = True
                self._terminal.show([Line(str(error), Style.RED), Line("Press Enter to send the answer again.")])
                self._terminal.ask()
