"""What the classic API's events look like as messages of a run: a pure function, one case per kind of event.

Events are told apart by their `type`, the framework's own wire tag, so that this module needs no import of it. A kind
that is not listed (a later release's, or an application's own) is shown by its fields and never stops a run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fastagency_shared.messages import (
    Error,
    FunctionCallExecution,
    LoggedMessage,
    SuggestedFunctionCall,
    SystemMessage,
    TextChunk,
    TextInput,
    TextMessage,
)
from pydantic import BaseModel, JsonValue, TypeAdapter

Shown = LoggedMessage | TextChunk

_json: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


def translate(event: Any) -> list[Shown]:
    """The messages that show an event, in order; none for what has nothing to show or is shown in another way."""
    kind = getattr(event, "type", None)
    content = getattr(event, "content", event)
    if isinstance(kind, str) and kind in _SHOW:
        return list(_SHOW[kind](content))
    return [_unknown(kind if isinstance(kind, str) else type(event).__name__, content)]


def known_kinds() -> frozenset[str]:
    """The kinds of events with a form of their own."""
    return frozenset(_SHOW)


def text_of(content: Any) -> str:
    """The content of an agent's message as text; what is not text (an image, a file) is named in its place."""
    match content:
        case None:
            return ""
        case str():
            return content
        case list():
            return "\n\n".join(filter(None, map(_part, content)))
        case dict():
            return _pretty(content)
    return str(content)


def arguments_of(raw: Any) -> dict[str, JsonValue]:
    """A model's arguments are text that ought to be a JSON object; when it is not, it is shown as it is."""
    value = raw
    if isinstance(raw, str):
        try:
            value = _json.validate_json(raw)
        except ValueError:
            value = raw
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return {"arguments": _plain(value)} if value else {}


def _text(event: Any) -> Iterable[Shown]:
    body = text_of(event.content)
    if body.strip():
        yield TextMessage(sender=event.sender, recipient=event.recipient, body=body)


def _tool_call(event: Any) -> Iterable[Shown]:
    yield from _text(event)
    for call in event.tool_calls:
        yield _suggestion(event, call.function, call.id)


def _function_call(event: Any) -> Iterable[Shown]:
    yield from _text(event)
    yield _suggestion(event, event.function_call, None)


def _suggestion(event: Any, function: Any, call_id: str | None) -> SuggestedFunctionCall:
    return SuggestedFunctionCall(
        sender=event.sender,
        recipient=event.recipient,
        function_name=function.name,
        call_id=call_id,
        arguments=arguments_of(function.arguments),
    )


def _executed(event: Any) -> Iterable[Shown]:
    result = _plain(event.content)
    yield FunctionCallExecution(
        sender=event.recipient,
        function_name=event.func_name,
        call_id=event.call_id,
        retval=result if event.is_exec_success else {"error": result},
        is_error=not event.is_exec_success,
    )


def _tool_response(event: Any) -> Iterable[Shown]:
    for response in event.tool_responses:
        yield FunctionCallExecution(
            sender=event.sender,
            recipient=event.recipient,
            call_id=response.tool_call_id,
            retval=_plain(response.content),
        )


def _function_response(event: Any) -> Iterable[Shown]:
    yield FunctionCallExecution(
        sender=event.sender, recipient=event.recipient, function_name=event.name, retval=_plain(event.content)
    )


def _printed(event: Any) -> Iterable[Shown]:
    body = (event.sep.join(event.objects) + event.end).strip()
    if body:
        yield TextMessage(body=body)


def _streamed(event: Any) -> Iterable[Shown]:
    yield TextChunk(delta=event.content)


def _asked(event: Any) -> Iterable[Shown]:
    yield TextInput(prompt=event.prompt, password=event.password)


def _failed(event: Any) -> Iterable[Shown]:
    yield Error(short="The agents' conversation failed.", long=type(event.error).__name__)


def _nothing(_event: Any) -> Iterable[Shown]:
    return ()


def _notice(kind: str, write: Callable[[Any], str]) -> Callable[[Any], Iterable[Shown]]:
    """A system message with a sentence, and with the event's agents as sender and recipient where it names them."""

    def show(event: Any) -> Iterable[Shown]:
        sender = getattr(event, "sender", None) or getattr(event, "source_agent", None)
        recipient = getattr(event, "recipient", None)
        if sender is None:
            sender, recipient = recipient, None
        yield SystemMessage(
            sender=_name(sender), recipient=_name(recipient), message={"event": kind, "text": write(event)}
        )

    return show


def _new_chat(event: Any) -> str:
    carried = event.carryover if isinstance(event.carryover, list) else [event.carryover]
    texts = [text_of(item.get("content") if isinstance(item, dict) else item) for item in carried]
    carried_over = "\n\n".join(filter(None, texts))
    start = f"{event.sender} starts a chat with {event.recipient}."
    return f"{start}\n\nCarried over: {carried_over}" if carried_over else start


def _cleared(event: Any) -> str:
    whose = event.agent or "all agents"
    kept = f", except for the last {event.nr_events_to_preserve} messages" if event.nr_events_to_preserve else ""
    return f"The history of {whose} is cleared{kept}."


def _choose_speaker(event: Any) -> str:
    listed = "\n".join(f"{number}. {name}" for number, name in enumerate(event.agents or [], 1))
    return f"Who speaks next?\n\n{listed}"


def _code(event: Any) -> str:
    return f"{event.recipient} runs code ({event.language}):\n\n```{event.language}\n{event.code}\n```"


def _usage(event: Any) -> str:
    usages = event.total.usages or []
    lines = [f"- {u.model}: {u.prompt_tokens} + {u.completion_tokens} tokens, cost {u.cost:.5f}" for u in usages]
    return "\n".join(["Tokens used (prompt + completion):", *lines]) if lines else "No tokens were used."


def _complete(event: Any) -> str:
    return f"The chat is complete; {event.last_speaker} spoke last." if event.last_speaker else "The chat is complete."


def _safeguard(event: Any) -> str:
    details = [event.message]
    if event.source_agent:
        between = f"{event.source_agent} to {event.target_agent}" if event.target_agent else event.source_agent
        details.append(f"Agent: {between}")
    if event.action:
        details.append(f"Action: {event.action}")
    return "\n\n".join(details)


def _hands_over(event: Any) -> str:
    return f"{_name(event.source_agent)} hands over to {_target(event.transition_target)}."


_NOTICES: Mapping[str, Callable[[Any], str]] = {
    "usage_summary": _usage,
    "post_carryover_processing": _new_chat,
    "clear_agents_history": _cleared,
    "clear_conversable_agent_history": lambda e: (
        f"The history of {e.agent} keeps {e.no_events_preserved} more messages, so that calls and responses match."
    ),
    "clear_conversable_agent_history_warning": lambda _: (
        "The number of messages to keep was ignored, because the history with one agent was cleared."
    ),
    "speaker_attempt_successful": lambda e: f"Next speaker found: {', '.join(e.mentions)}.",
    "speaker_attempt_failed_multiple_agents": lambda e: f"Choice {e.attempt} of a speaker named several agents.",
    "speaker_attempt_failed_no_agents": lambda e: f"Choice {e.attempt} of a speaker named no agent.",
    "group_chat_resume": lambda e: (
        f"The group chat goes on after {len(e.events)} messages; {e.last_speaker_name} spoke last."
    ),
    "group_chat_run_chat": lambda e: f"Next speaker: {e.speaker}",
    "termination_and_human_reply_no_input": lambda _: "No reply was given.",
    "using_auto_reply": lambda e: f"{e.recipient} answers by itself.",
    "termination": lambda e: f"The conversation ends: {e.termination_reason}.",
    "execute_code_block": _code,
    "generate_code_execution_reply": lambda e: f"{e.recipient} runs code: {', '.join(map(str, e.code_blocks))}.",
    "execute_function": lambda e: f"{e.recipient} calls {e.func_name}.",
    "select_speaker": _choose_speaker,
    "select_speaker_try_count_exceeded": lambda e: (
        f"No valid choice after {e.try_count} tries: the next speaker is chosen by the chat."
    ),
    "select_speaker_invalid_input": lambda e: f"Please choose a number from 1 to {len(e.agents or [])}.",
    "conversable_agent_usage_summary": lambda e: f"Tokens used by {e.recipient}:",
    "conversable_agent_usage_summary_no_cost_incurred": lambda e: f"{e.recipient} has used no tokens.",
    "run_completion": _complete,
    "after_works_transition": _hands_over,
    "on_context_condition_transition": _hands_over,
    "on_condition_l_l_m_transition": _hands_over,
    "reply_result_transition": _hands_over,
    "safeguard": _safeguard,
}

_SHOW: Mapping[str, Callable[[Any], Iterable[Shown]]] = {
    "text": _text,
    "tool_call": _tool_call,
    "function_call": _function_call,
    "executed_function": _executed,
    "tool_response": _tool_response,
    "function_response": _function_response,
    "print": _printed,
    "stream": _streamed,
    "input_request": _asked,
    "async_input_request": _asked,
    "input_response": _nothing,  # the log has the answer to the question itself
    "error": _failed,
    **{kind: _notice(kind, write) for kind, write in _NOTICES.items()},
}


def _unknown(kind: str, content: Any) -> SystemMessage:
    fields = {name: value for name, value in _fields(content).items() if name != "uuid"}
    names = {name: _name(fields.pop(name)) for name in ("sender", "recipient") if name in fields}
    return SystemMessage(**names, message={"event": kind, **{name: _plain(value) for name, value in fields.items()}})


def _fields(content: Any) -> dict[str, Any]:
    if isinstance(content, BaseModel):
        return {name: getattr(content, name, None) for name in type(content).model_fields}
    return dict(content) if isinstance(content, dict) else {"text": content}


def _plain(value: Any) -> JsonValue:
    """The value as JSON; an object of a class of its own by its text, but never by its address."""
    if isinstance(value, BaseModel) and type(value).__str__ is not BaseModel.__str__:
        return str(value)
    try:
        return _json.validate_python(_json.dump_python(value, mode="json", warnings=False))
    except ValueError:
        text = str(value)
        return type(value).__name__ if " at 0x" in text else text


def _part(part: Any) -> str:
    match part:
        case str():
            return part
        case {"text": str(text)}:
            return text
        case {"type": "image_url" | "input_image"}:
            return "*(image)*"
        case {"type": str(kind)}:
            return f"*({kind})*"
    return ""


def _pretty(value: Any) -> str:
    return f"```json\n{json.dumps(_plain(value), indent=2, ensure_ascii=False)}\n```"


def _name(agent: Any) -> str | None:
    if agent is None or isinstance(agent, str):
        return agent
    return str(getattr(agent, "name", type(agent).__name__))


def _target(target: Any) -> str:
    name = getattr(target, "display_name", None)
    return str(name()) if callable(name) else type(target).__name__
