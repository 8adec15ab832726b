"""Every message type is readable in a terminal."""

import pytest
from fastagency_frontend.console.render import render
from fastagency_shared import messages as m

SHOWN = [
    (m.TextMessage(sender="ann", recipient="bob", body="Hi\n\n  there"), ["ann to bob", "  Hi", "  ", "    there"]),
    (m.TextMessage(body=None), ["Workflow"]),
    (m.Thought(sender="ann", body="Hm."), ["ann (thinking)", "  Hm."]),
    (
        m.SuggestedFunctionCall(sender="ann", function_name="add", arguments={"a": 1, "b": "x"}),
        ["ann: call add", "  a: 1", "  b: x"],
    ),
    (m.FunctionCallExecution(function_name="add", retval={"sum": 3}), ["add returned", "  {", '    "sum": 3', "  }"]),
    (m.TextMessage(sender="ada", body="Once", interrupted=True), ["ada (interrupted)", "  Once"]),
    (m.FunctionCallExecution(function_name="add", retval="no", is_error=True), ["add failed", "  no"]),
    (m.TextInput(sender="ann", prompt="Name?"), ["ann: question", "  Name?"]),
    (m.MultipleChoice(prompt="Which?", choices=["a"]), ["Workflow: question", "  Which?"]),
    (
        m.SystemMessage(message={"heading": "Handoff", "to": ["x"]}),
        ["System", "  heading: Handoff", "  to: [", '    "x"', "  ]"],
    ),
    (m.WorkflowStarted(name="chat", description="Talk.", params={"n": 1}), ["Started: chat", "  Talk.", "  n: 1"]),
    (m.WorkflowCompleted(result="Done."), ["Completed", "  Done."]),
    (m.Error(short="Broken.", long="At line 3"), ["Error: Broken.", "  At line 3"]),
    (m.WorkflowFailed(), ["Failed: something went wrong"]),
    (m.WorkflowCancelled(reason="By you."), ["Stopped", "  By you."]),
    (m.WorkflowResumed(by="ann"), ["Goes on from where it failed"]),
    (m.InputAnswered(value=["a", "b"]), ["Answered", "  [", '    "a",', '    "b"', "  ]"]),
    (m.InputAnswered(value=None), ["Answered", "  (not shown)"]),
    (m.InputExpired(), ["Nobody answered in time."]),
    (m.InputExpired(value=["a", "b"]), ["Nobody answered in time; the answer is: a, b"]),
]


@pytest.mark.parametrize(("message", "lines"), SHOWN)
def test_what_is_shown(message: m.LoggedMessage, lines: list[str]) -> None:
    assert [line.text for line in render(message)] == ["", *lines]


def test_usage_is_one_line() -> None:
    usage = m.Usage(model="demo", prompt_tokens=3, completion_tokens=4)
    assert [line.text for line in render(usage)] == ["(demo: 3 tokens in, 4 out)"]


def test_a_run_that_waits_for_a_worker_says_so() -> None:
    assert [line.text for line in render(m.RunStatusChanged(reason="It waits."))] == ["", "It waits."]


@pytest.mark.parametrize("message", [m.KeepAlive(), m.TextChunk(delta="H"), m.AnswerResult(), m.RunStatusChanged()])
def test_what_is_not_for_people_is_not_shown(message: m.TransientMessage) -> None:
    assert render(message) == []


def test_no_type_is_forgotten() -> None:
    for kind in m.message_classes():
        render(m.parse_message({"type": kind.model_fields["type"].default}))
