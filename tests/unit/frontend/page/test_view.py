"""What the page shows of a run is the same, whether it is read or folded from the messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastagency_frontend.page.view import RunFold, ShellView, conversation_views, run_view, watches_workflows
from fastagency_shared.messages import (
    InputAnswered,
    InputExpired,
    Message,
    MultipleChoice,
    RunStatusChanged,
    TextInput,
    TextMessage,
    WorkflowCancelled,
    WorkflowCompleted,
    WorkflowFailed,
)
from fastagency_shared.run import RunInfo, RunStatus, WorkflowInfo
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 1, 2, tzinfo=UTC)
QUESTIONS = [TextInput(uuid="q1", sender="a"), MultipleChoice(uuid="q2", choices=["x"]), TextInput(uuid="q3")]
ENDS = {
    RunStatus.COMPLETED: WorkflowCompleted(),
    RunStatus.FAILED: WorkflowFailed(),
    RunStatus.CANCELLED: WorkflowCancelled(),
}


def run(**changes: Any) -> RunInfo:
    values: dict[str, Any] = {
        "workflow_uuid": "0" * 32,
        "name": "w",
        "status": RunStatus.RUNNING,
        "title": "w",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return RunInfo(**{**values, **changes})


@given(
    st.lists(st.sampled_from(["q1", "q2", "q3", "a1", "a2", "a3", "x1", "x2", "text", "title", "reason"]), max_size=12),
    st.none() | st.sampled_from(list(ENDS)),
)
def test_folding_agrees_with_reading(steps: list[str], end: RunStatus | None) -> None:
    by_id = {question.uuid: question for question in QUESTIONS}
    fold, open_questions, title, reason = RunFold(run()), [], "w", None
    for step in steps:
        message: Message = TextMessage(body="hi")
        if step in by_id:
            message = by_id[step]
            open_questions = [*open_questions, by_id[step]] if by_id[step] not in open_questions else open_questions
        elif step[0] in "ax":
            message = (InputAnswered if step[0] == "a" else InputExpired)(question=f"q{step[1]}")
            open_questions = [each for each in open_questions if each.uuid != f"q{step[1]}"]
        elif step == "title":
            title = "new title"
            message, reason = RunStatusChanged(title=title), None
        elif step == "reason":
            reason = "It waits."
            message = RunStatusChanged(reason=reason)
        fold.fold(message)
    if end is not None:
        open_questions, reason = [], None
        fold.fold(ENDS[end])
    read = run(questions=open_questions, title=title, reason=reason, status=end or RunStatus.RUNNING)
    assert fold.revision == run_view(read).revision
    assert fold.phase == run_view(read).phase
    assert RunFold(read).revision == fold.revision


def test_a_run_that_waits_is_the_persons_turn() -> None:
    assert run_view(run(questions=QUESTIONS[:1], status=RunStatus.WAITING)).phase == "waiting"
    assert run_view(run(status=RunStatus.READY)).phase == "working"


def test_the_revision_changes_with_what_is_shown() -> None:
    runs = [
        run(),
        run(reason="It waits."),
        run(title="other"),
        run(questions=QUESTIONS[:1]),
        run(questions=QUESTIONS[:2]),
        run(status="failed"),
    ]
    assert len({run_view(each).revision for each in runs}) == len(runs)


def test_a_question_has_what_its_form_needs() -> None:
    many = MultipleChoice(uuid="m", prompt="p" * 1000, choices=["a", "b"], default="b", single=False)
    secret = TextInput(uuid="t", suggestions=["s"], password=True)
    shown = run_view(run(questions=[many, secret])).questions
    assert (shown[0].kind, shown[0].choices, shown[0].default) == ("many", ["a", "b"], "b")
    assert len(shown[0].prompt) == 301
    assert (shown[1].kind, shown[1].suggestions, shown[1].password) == ("text", ["s"], True)


def test_the_shell_changes_with_titles_but_not_with_time() -> None:
    flows = [WorkflowInfo(name="w", description="d")]

    def fingerprint(workflows: list[WorkflowInfo] | None, **changes: Any) -> str:
        return ShellView(workflows=workflows, conversations=conversation_views([run(**changes)])).fingerprint

    before = fingerprint(flows)
    assert fingerprint(flows, updated_at=datetime(2026, 5, 5, tzinfo=UTC)) == before
    assert fingerprint(flows, title="t") != before
    assert fingerprint([]) != before
    assert not watches_workflows(fingerprint(None))
    assert watches_workflows(fingerprint([]))
