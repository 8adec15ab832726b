from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import autogen.agentchat.group.events.transition_events as transitions
import autogen.events.agent_events as agents
import autogen.events.client_events as clients
import pytest
from autogen import ConversableAgent
from autogen.agentchat.group import AgentNameTarget
from autogen.agentchat.group.safeguards.events import SafeguardEvent
from autogen.events.base_event import BaseEvent, get_event_classes, wrap_event
from autogen.events.print_event import PrintEvent
from fastagency_backend.frameworks.classic.translate import arguments_of, known_kinds, text_of, translate
from fastagency_shared.messages import (
    Error,
    FunctionCallExecution,
    Message,
    SuggestedFunctionCall,
    SystemMessage,
    TextChunk,
    TextInput,
    TextMessage,
)

ANN = ConversableAgent("ann", llm_config=False)
BOB = ConversableAgent("bob", llm_config=False)
BETWEEN: dict[str, Any] = {"sender": "ann", "recipient": "bob"}
CALL = {"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": '{"word": "sea"}'}}
HANDOFF = {"source_agent": ANN, "transition_target": AgentNameTarget(agent_name="bob")}
CHAT = {"sender": ANN, "recipient": BOB, "carryover": ["before"], "message": "hi", "summary_method": "last_msg"}
SPENT = {"total_cost": 0.1, "m": {"cost": 0.1, "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
COMPLETE: dict[str, Any] = {"summary": "s", "history": [], "cost": {}, "last_speaker": "bob"}
CHOICE: dict[str, Any] = {"mentions": {"ann": 1}, "attempt": 1, "attempts_left": 1}


def notice(kind: str, text: str, sender: str | None = None, recipient: str | None = None) -> SystemMessage:
    return SystemMessage(sender=sender, recipient=recipient, message={"event": kind, "text": text})


def said(body: str, **between: Any) -> TextMessage:
    return TextMessage(body=body, **(between or BETWEEN))


def suggested(call_id: str | None) -> SuggestedFunctionCall:
    return SuggestedFunctionCall(**BETWEEN, function_name="lookup", call_id=call_id, arguments={"word": "sea"})


def hands_over(kind: str) -> list[Message]:
    return [notice(kind, "ann hands over to bob.", "ann")]


def executed(content: Any, *, well: bool = True) -> Any:
    return agents.ExecutedFunctionEvent(
        func_name="lookup", call_id="c1", arguments={}, content=content, recipient=BOB, is_exec_success=well
    )


def result(retval: Any, **more: Any) -> FunctionCallExecution:
    return FunctionCallExecution(**{"sender": "bob", "function_name": "lookup", "call_id": "c1", **more}, retval=retval)


SHOWN: list[tuple[Any, list[Message]]] = [
    (agents.TextEvent(content="hi", **BETWEEN), [said("hi")]),
    (agents.TextEvent(content=None, **BETWEEN), []),
    (agents.TextEvent(content=" ", **BETWEEN), []),
    (
        agents.TextEvent(
            content=[{"type": "text", "text": "look:"}, {"type": "image_url", "image_url": {}}], **BETWEEN
        ),
        [said("look:\n\n*(image)*")],
    ),
    (agents.ToolCallEvent(content=None, tool_calls=[CALL], **BETWEEN), [suggested("c1")]),
    (agents.ToolCallEvent(content="I look", tool_calls=[CALL], **BETWEEN), [said("I look"), suggested("c1")]),
    (agents.FunctionCallEvent(content=None, function_call=CALL["function"], **BETWEEN), [suggested(None)]),
    (
        agents.ExecuteFunctionEvent(func_name="lookup", arguments={}, recipient=BOB),
        [notice("execute_function", "bob calls lookup.", "bob")],
    ),
    (executed("water"), [result("water")]),
    (executed({"a": [1]}), [result({"a": [1]})]),
    (executed("Error: no", well=False), [result({"error": "Error: no"}, is_error=True)]),
    (
        agents.ToolResponseEvent(
            content="water", tool_responses=[{"tool_call_id": "c1", "content": "water"}], **BETWEEN
        ),
        [result("water", sender="ann", recipient="bob", function_name=None)],
    ),
    (
        agents.FunctionResponseEvent(content="water", name="lookup", **BETWEEN),
        [result("water", sender="ann", recipient="bob", call_id=None)],
    ),
    (PrintEvent("a", 1, sep="-"), [TextMessage(body="a-1")]),
    (PrintEvent(""), []),
    (clients.StreamEvent(content="wa"), [TextChunk(delta="wa")]),
    (agents.InputRequestEvent(prompt="Who?", password=True), [TextInput(prompt="Who?", password=True)]),
    (agents.AsyncInputRequestEvent(prompt="Who?"), [TextInput(prompt="Who?")]),
    (agents.InputResponseEvent(value="me"), []),
    (
        agents.ErrorEvent(error=ValueError("/secret/path")),
        [Error(short="The agents' conversation failed.", long="ValueError")],
    ),
    (agents.RunCompletionEvent(**COMPLETE), [notice("run_completion", "The chat is complete; bob spoke last.")]),
    (
        agents.PostCarryoverProcessingEvent(chat_info=CHAT),
        [notice("post_carryover_processing", "ann starts a chat with bob.\n\nCarried over: before", "ann", "bob")],
    ),
    (
        agents.ClearAgentsHistoryEvent(agent=ANN, nr_events_to_preserve=2),
        [notice("clear_agents_history", "The history of ann is cleared, except for the last 2 messages.")],
    ),
    (agents.ClearAgentsHistoryEvent(), [notice("clear_agents_history", "The history of all agents is cleared.")]),
    (
        agents.ClearConversableAgentHistoryEvent(agent=ANN, no_events_preserved=1),
        [
            notice(
                "clear_conversable_agent_history",
                "The history of ann keeps 1 more messages, so that calls and responses match.",
                "ann",
            )
        ],
    ),
    (
        agents.ClearConversableAgentHistoryWarningEvent(recipient=ANN),
        [
            notice(
                "clear_conversable_agent_history_warning",
                "The number of messages to keep was ignored, because the history with one agent was cleared.",
                "ann",
            )
        ],
    ),
    (
        agents.SpeakerAttemptSuccessfulEvent(**CHOICE),
        [notice("speaker_attempt_successful", "Next speaker found: ann.")],
    ),
    (
        agents.SpeakerAttemptFailedMultipleAgentsEvent(**CHOICE),
        [notice("speaker_attempt_failed_multiple_agents", "Choice 1 of a speaker named several agents.")],
    ),
    (
        agents.SpeakerAttemptFailedNoAgentsEvent(**CHOICE),
        [notice("speaker_attempt_failed_no_agents", "Choice 1 of a speaker named no agent.")],
    ),
    (
        agents.GroupChatResumeEvent(last_speaker_name="ann", events=[{}]),
        [notice("group_chat_resume", "The group chat goes on after 1 messages; ann spoke last.")],
    ),
    (agents.GroupChatRunChatEvent(speaker=ANN), [notice("group_chat_run_chat", "Next speaker: ann")]),
    (
        agents.TerminationAndHumanReplyNoInputEvent(no_human_input_msg="NO HUMAN", sender=ANN, recipient=BOB),
        [notice("termination_and_human_reply_no_input", "No reply was given.", "ann", "bob")],
    ),
    (
        agents.UsingAutoReplyEvent(human_input_mode="ALWAYS", sender=ANN, recipient=BOB),
        [notice("using_auto_reply", "bob answers by itself.", "ann", "bob")],
    ),
    (
        agents.TerminationEvent(termination_reason="enough", sender=ANN, recipient=BOB),
        [notice("termination", "The conversation ends: enough.", "ann", "bob")],
    ),
    (
        agents.ExecuteCodeBlockEvent(code="1+1", language="python", code_block_count=0, recipient=BOB),
        [notice("execute_code_block", "bob runs code (python):\n\n```python\n1+1\n```", "bob")],
    ),
    (
        agents.GenerateCodeExecutionReplyEvent(code_blocks=["python"], sender=ANN, recipient=BOB),
        [notice("generate_code_execution_reply", "bob runs code: python.", "ann", "bob")],
    ),
    (agents.SelectSpeakerEvent(agents=[ANN, BOB]), [notice("select_speaker", "Who speaks next?\n\n1. ann\n2. bob")]),
    (
        agents.SelectSpeakerTryCountExceededEvent(try_count=3),
        [
            notice(
                "select_speaker_try_count_exceeded",
                "No valid choice after 3 tries: the next speaker is chosen by the chat.",
            )
        ],
    ),
    (
        agents.SelectSpeakerInvalidInputEvent(agents=[ANN, BOB]),
        [notice("select_speaker_invalid_input", "Please choose a number from 1 to 2.")],
    ),
    (
        agents.ConversableAgentUsageSummaryEvent(recipient=ANN),
        [notice("conversable_agent_usage_summary", "Tokens used by ann:", "ann")],
    ),
    (
        agents.ConversableAgentUsageSummaryNoCostIncurredEvent(recipient=ANN),
        [notice("conversable_agent_usage_summary_no_cost_incurred", "ann has used no tokens.", "ann")],
    ),
    (
        clients.UsageSummaryEvent(actual_usage_summary=SPENT, total_usage_summary=SPENT),
        [notice("usage_summary", "Tokens used (prompt + completion):\n- m: 1 + 2 tokens, cost 0.10000")],
    ),
    (clients.UsageSummaryEvent(), [notice("usage_summary", "No tokens were used.")]),
    (transitions.AfterWorksTransitionEvent(**HANDOFF), hands_over("after_works_transition")),
    (transitions.OnContextConditionTransitionEvent(**HANDOFF), hands_over("on_context_condition_transition")),
    (transitions.OnConditionLLMTransitionEvent(**HANDOFF), hands_over("on_condition_l_l_m_transition")),
    (transitions.ReplyResultTransitionEvent(**HANDOFF), hands_over("reply_result_transition")),
    (
        SafeguardEvent(event_type="action", message="Masked", source_agent="ann", target_agent="bob", action="mask"),
        [notice("safeguard", "Masked\n\nAgent: ann to bob\n\nAction: mask", "ann")],
    ),
]


def without_ids(messages: list[Any]) -> list[dict[str, Any]]:
    return [{**message.wire(), "uuid": ""} for message in messages]


@pytest.mark.parametrize(("event", "messages"), SHOWN, ids=lambda value: getattr(value, "type", ""))
def test_an_event_is_shown(event: Any, messages: list[Message]) -> None:
    assert without_ids(translate(event)) == without_ids(messages)


def test_every_event_of_this_release_has_an_example_and_a_form() -> None:
    released = {kind for kind, cls in get_event_classes().items() if cls.__module__.startswith("autogen.")}
    assert len(released) > 30
    assert released == {event.type for event, _ in SHOWN}
    assert released <= known_kinds()


def test_no_internal_text_of_an_error_is_shown() -> None:
    assert "secret" not in str(without_ids(translate(agents.ErrorEvent(error=ValueError("/secret/path")))))


@wrap_event
class WeatherEvent(BaseEvent):
    sender: str
    degrees: int
    where: Any


@pytest.mark.parametrize("where", [{"town": "Split"}, ["Split"], None])
def test_an_unknown_event_is_shown_by_its_fields(where: Any) -> None:
    (message,) = translate(WeatherEvent(sender="ann", degrees=30, where=where))
    assert isinstance(message, SystemMessage)
    assert message.sender == "ann"
    assert message.message == {"event": "weather", "degrees": 30, "where": where}


@pytest.mark.parametrize("where", [object(), {1: object()}, ANN, {uuid4(): 1}])
def test_an_unknown_event_with_odd_fields_is_shown_and_has_no_address(where: Any) -> None:
    (message,) = translate(WeatherEvent(sender="ann", degrees=30, where=where))
    assert not re.search("0x[0-9a-f]{6}", message.model_dump_json())


def test_an_object_that_is_no_event_is_shown() -> None:
    (message,) = translate(SimpleNamespace(content="plain"))
    assert isinstance(message, SystemMessage)
    assert message.message == {"event": "SimpleNamespace", "text": "plain"}


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        (None, {}),
        ("not json", {"arguments": "not json"}),
        ("[1]", {"arguments": [1]}),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_arguments(raw: Any, shown: dict[str, Any]) -> None:
    assert arguments_of(raw) == shown


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, ""), ("a", "a"), (3, "3"), ({"a": 1}, '```json\n{\n  "a": 1\n}\n```'), ([{"type": "audio"}], "*(audio)*")],
)
def test_text(content: Any, text: str) -> None:
    assert text_of(content) == text
