"""What the page shows, as values: the shell around the conversations, and one run without its messages.

Both travel in Mesop's state, between server and browser, at each event: so they are small, and each is one JSON string
there, which is cheap to compare and comes back exactly as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from fastagency_shared.messages import (
    InputAnswered,
    InputExpired,
    Message,
    MultipleChoice,
    RunStatusChanged,
    TextInput,
    WorkflowResumed,
)
from fastagency_shared.run import RunInfo, RunStatus, WorkflowInfo
from pydantic import BaseModel

MAX_CONVERSATIONS = 50
MAX_PROMPT_CHARS = 300

Phase = Literal["working", "waiting", "completed", "failed", "cancelled"]

PHASE_LABELS: dict[Phase, str] = {
    "working": "Working",
    "waiting": "Your turn",
    "completed": "Finished",
    "failed": "Failed",
    "cancelled": "Stopped",
}


class QuestionView(BaseModel):
    """An open question, as far as its form needs it; the transcript shows the prompt as markdown."""

    id: str
    kind: Literal["text", "one", "many"]
    asker: str
    prompt: str
    choices: list[str] = []
    suggestions: list[str] = []
    default: str | None = None
    password: bool = False


class RunView(BaseModel):
    """One run: what its header and its forms show; `reason` says why it is not at work, if it has to wait."""

    id: str
    name: str
    title: str
    phase: Phase
    reason: str | None = None
    questions: list[QuestionView] = []

    @property
    def revision(self) -> str:
        return revision_of(self.phase, self.title, self.reason, [question.id for question in self.questions])

    def answered(self, question_id: str) -> RunView:
        """The run after an answer to one of its questions, until more is known."""
        left = [question for question in self.questions if question.id != question_id]
        return self.model_copy(update={"questions": left, "phase": self.phase if left else "working"})


class ConversationView(BaseModel):
    """One entry in the list of conversations."""

    id: str
    title: str
    phase: Phase
    at: str


class ShellView(BaseModel):
    """What is around a conversation: the visitor's other conversations, and the workflows where those are shown.

    `workflows` is None as long as nobody has asked for them, which an open conversation does not.
    """

    workflows: list[WorkflowInfo] | None = None
    conversations: list[ConversationView] = []

    @property
    def fingerprint(self) -> str:
        """Changes when what is shown changes; times are left out, the browser counts those itself."""
        listed = _digest(
            self.model_dump_json(include={"conversations"}, exclude={"conversations": {"__all__": {"at"}}})
        )
        return listed if self.workflows is None else f"{listed}.{_digest(self.model_dump_json(include={'workflows'}))}"

    def with_run(self, run: RunView) -> ShellView:
        """The shell, its list showing a run as it is shown beside it: the list may have been read earlier."""
        listed = [
            each.model_copy(update={"title": run.title, "phase": run.phase}) if each.id == run.id else each
            for each in self.conversations
        ]
        return self.model_copy(update={"conversations": listed})

    def starting_with(self, run: RunInfo) -> ShellView:
        """The shell with a new conversation on top; to start the same one again changes nothing."""
        others = self.without(run.workflow_uuid).conversations
        listed = self.conversations if len(others) < len(self.conversations) else [*conversation_views([run]), *others]
        return self.model_copy(update={"conversations": listed[:MAX_CONVERSATIONS]})

    def without(self, run_id: str) -> ShellView:
        """The shell without a conversation that was deleted."""
        return self.model_copy(update={"conversations": [each for each in self.conversations if each.id != run_id]})


def watches_workflows(fingerprint: str) -> bool:
    """Whether a fingerprint says anything about the workflows."""
    return "." in fingerprint


class RunFold:
    """What changes of a `RunView`, kept up to date from the run's messages while they stream by."""

    def __init__(self, run: RunInfo) -> None:
        self.title, self.reason = run.title, run.reason
        self._ended: RunStatus | None = run.status if run.status.ended else None
        self._open = [question.uuid for question in run.questions]

    @property
    def phase(self) -> Phase:
        return _phase(self._ended, bool(self._open))

    @property
    def revision(self) -> str:
        """Equal to `RunView.revision` when the page shows what is true."""
        return revision_of(self.phase, self.title, self.reason, self._open)

    def fold(self, message: Message) -> None:
        if message.is_question:
            self._open = [*self._open, message.uuid] if message.uuid not in self._open else self._open
        elif isinstance(message, InputAnswered | InputExpired):
            self._open = [question for question in self._open if question != message.question]
        elif isinstance(message, WorkflowResumed):
            self._ended = None
        elif isinstance(message, RunStatusChanged):
            self.title, self.reason = message.title or self.title, message.reason
        if message.ends_run:
            self._ended = _END_OF.get(message.type, RunStatus.COMPLETED)
            self._open, self.reason = [], None


_END_OF = {
    "workflow_completed": RunStatus.COMPLETED,
    "workflow_failed": RunStatus.FAILED,
    "workflow_cancelled": RunStatus.CANCELLED,
}


def run_view(run: RunInfo) -> RunView:
    return RunView(
        id=run.workflow_uuid,
        name=run.name,
        title=run.title,
        phase=phase_of(run),
        reason=run.reason,
        questions=[_question(question) for question in run.questions],
    )


def conversation_views(runs: Iterable[RunInfo]) -> list[ConversationView]:
    return [
        ConversationView(id=run.workflow_uuid, title=run.title, phase=_listed(run), at=run.updated_at.isoformat())
        for run in runs
    ]


def phase_of(run: RunInfo) -> Phase:
    return _phase(run.status if run.status.ended else None, bool(run.questions))


def _listed(run: RunInfo) -> Phase:
    """A list of runs may come without their questions: then the status says that one waits."""
    return "waiting" if run.status is RunStatus.WAITING else phase_of(run)


def revision_of(phase: Phase, title: str, reason: str | None, questions: list[str]) -> str:
    return _digest("\n".join([phase, title, reason or "", *questions]))


def _phase(ended: RunStatus | None, waiting: bool) -> Phase:
    match ended:
        case RunStatus.COMPLETED:
            return "completed"
        case RunStatus.FAILED:
            return "failed"
        case RunStatus.CANCELLED:
            return "cancelled"
        case _:
            return "waiting" if waiting else "working"


def _question(question: TextInput | MultipleChoice) -> QuestionView:
    prompt = question.prompt or ""
    view = QuestionView(
        id=question.uuid,
        kind="text",
        asker=question.sender or "",
        prompt=prompt if len(prompt) <= MAX_PROMPT_CHARS else prompt[:MAX_PROMPT_CHARS] + "…",
    )
    if isinstance(question, TextInput):
        return view.model_copy(update={"suggestions": question.suggestions, "password": question.password})
    return view.model_copy(
        update={
            "kind": "one" if question.single else "many",
            "choices": question.choices,
            "default": question.default,
        }
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
