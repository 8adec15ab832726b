"""Writes one golden file per message type: `python -m tests.golden.regenerate`.

The files are the wire format as other programs see it. When a test says that they drifted, either the change of the
wire was not meant, or it was: then run this, and read the difference before it is committed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastagency_shared.messages import (
    AnswerResult,
    Error,
    FunctionCallExecution,
    InputAnswered,
    InputExpired,
    KeepAlive,
    Message,
    MultipleChoice,
    RunStatusChanged,
    SuggestedFunctionCall,
    SystemMessage,
    TextChunk,
    TextInput,
    TextMessage,
    Thought,
    Usage,
    WorkflowCancelled,
    WorkflowCompleted,
    WorkflowFailed,
    WorkflowResumed,
    WorkflowStarted,
)

FOLDER = Path(__file__).parent
RUN = "11111111111141118111111111111111"
QUESTION = "22222222222242228222222222222222"
_LOGGED: dict[str, Any] = {"workflow_uuid": RUN, "seq": 7, "at": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)}
_AGENT: dict[str, Any] = {**_LOGGED, "sender": "teacher", "recipient": "student"}
_RUN: dict[str, Any] = {**_LOGGED, "sender": "Workflow", "recipient": "User"}
_TRANSIENT: dict[str, Any] = {"workflow_uuid": RUN}

SAMPLES: tuple[Message, ...] = (
    TextMessage(uuid="01" * 16, **_AGENT, auto_reply=True, body="**Hello**, let us learn."),
    SuggestedFunctionCall(
        uuid="02" * 16, **_AGENT, function_name="add", call_id="call_1", arguments={"a": 1, "b": [2.5, None]}
    ),
    FunctionCallExecution(uuid="03" * 16, **_AGENT, function_name="add", call_id="call_1", retval={"sum": 3.5}),
    TextInput(uuid=QUESTION, **_RUN, prompt="What would you like to learn?", suggestions=["maths"], password=False),
    MultipleChoice(uuid="05" * 16, **_RUN, prompt="Which?", choices=["a", "b, c"], default="a", single=False),
    SystemMessage(uuid="06" * 16, **_RUN, message={"heading": "Handoff", "to": "student"}),
    KeepAlive(uuid="07" * 16, **_RUN),
    WorkflowStarted(uuid="08" * 16, **_RUN, name="learning", description="A chat", params={"subject": "maths"}),
    WorkflowCompleted(uuid="09" * 16, **_RUN, result="You know maths now."),
    Error(uuid="0a" * 16, **_RUN, short="The tool failed.", long="Its service did not answer."),
    WorkflowFailed(uuid="0b" * 16, **_RUN, short="The workflow stopped because of an error.", long="See the log."),
    WorkflowCancelled(uuid="0c" * 16, **_RUN, reason="The workflow was stopped."),
    WorkflowResumed(uuid="13" * 16, **_RUN, by="ann@example.org"),
    InputAnswered(uuid="0d" * 16, **_LOGGED, sender="User", recipient="Workflow", question=QUESTION, value="maths"),
    InputExpired(uuid="14" * 16, **_RUN, question="05" * 16, value=["a"]),
    Thought(uuid="0e" * 16, **_AGENT, body="The student needs an example."),
    Usage(uuid="0f" * 16, **_AGENT, model="small", prompt_tokens=12, completion_tokens=34),
    TextChunk(uuid="10" * 16, **_TRANSIENT, sender="teacher", stream="s1", delta="Hel"),
    AnswerResult(uuid="11" * 16, **_TRANSIENT, question=QUESTION, accepted=False, reason="It is not a choice."),
    RunStatusChanged(uuid="12" * 16, **_TRANSIENT, status="ready", title="maths", reason="It waits."),
)


def text_of(message: Message) -> str:
    return json.dumps(message.wire(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    for old in FOLDER.glob("*.json"):
        old.unlink()
    for message in SAMPLES:
        (FOLDER / f"{message.type}.json").write_text(text_of(message), encoding="utf-8")


if __name__ == "__main__":
    main()
