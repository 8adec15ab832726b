"""Messages as lines of a terminal. No I/O: a function from a message to what is shown of it."""

import json
from typing import Any, assert_never

from fastagency_shared.messages import (
    AnswerResult,
    Error,
    FunctionCallExecution,
    InputAnswered,
    InputExpired,
    KeepAlive,
    LoggedMessage,
    Message,
    MultipleChoice,
    RunStatusChanged,
    SuggestedFunctionCall,
    SystemMessage,
    TextChunk,
    TextInput,
    TextMessage,
    Thought,
    TransientMessage,
    Usage,
    WorkflowCancelled,
    WorkflowCompleted,
    WorkflowFailed,
    WorkflowResumed,
    WorkflowStarted,
    expired_text,
)

from fastagency_frontend.console.terminal import Line, Style


def render(message: LoggedMessage | TransientMessage) -> list[Line]:
    """What is shown of a message; nothing for those that are not for people. Of a question: all but how to answer."""
    match message:
        case TextMessage():
            who = f"{_who(message)} (interrupted)" if message.interrupted else _who(message)
            return _block(who, Style.BOLD, message.body or "")
        case Thought():
            return _block(f"{_who(message)} (thinking)", Style.DIM, message.body or "", body_style=Style.DIM)
        case SuggestedFunctionCall():
            return _block(
                f"{_who(message)}: call {message.function_name or 'a function'}",
                Style.CYAN,
                *_fields(message.arguments),
            )
        case FunctionCallExecution():
            outcome, style = ("failed", Style.RED) if message.is_error else ("returned", Style.CYAN)
            return _block(f"{message.function_name or 'The function'} {outcome}", style, _value(message.retval))
        case TextInput() | MultipleChoice():
            return _block(f"{_who(message)}: question", Style.YELLOW, message.prompt or "")
        case SystemMessage():
            return _block("System", Style.DIM, *_fields(message.message))
        case WorkflowStarted():
            about = [message.description] if message.description else []
            return _block(f"Started: {message.name}", Style.GREEN, *about, *_fields(message.params))
        case WorkflowCompleted():
            return _block("Completed", Style.GREEN, message.result or "")
        case Error():
            return _failure("Error", message.short, message.long)
        case WorkflowFailed():
            return _failure("Failed", message.short, message.long)
        case WorkflowCancelled():
            return _block("Stopped", Style.YELLOW, message.reason or "")
        case WorkflowResumed():
            return _block("Goes on from where it failed", Style.YELLOW)
        case InputAnswered():
            return _block("Answered", Style.DIM, "(not shown)" if message.value is None else _value(message.value))
        case InputExpired():
            return _block(expired_text(message), Style.YELLOW)
        case Usage():
            tokens = f"{message.prompt_tokens} tokens in, {message.completion_tokens} out"
            return [Line(f"({message.model or 'model'}: {tokens})", Style.DIM)]
        case RunStatusChanged(reason=str(reason)):
            return _block(reason, Style.YELLOW)
        case KeepAlive() | TextChunk() | AnswerResult() | RunStatusChanged():
            return []
    assert_never(message)


def _who(message: Message) -> str:
    sender = message.sender or "Workflow"
    return f"{sender} to {message.recipient}" if message.recipient else sender


def _block(title: str, style: Style, *body: str, body_style: Style | None = None) -> list[Line]:
    lines = [line for text in body for line in text.strip("\n").split("\n")] if any(body) else []
    return [Line(), Line(title, style), *(Line(f"  {line}", body_style or Style.PLAIN) for line in lines)]


def _failure(title: str, short: str | None, long: str | None) -> list[Line]:
    return _block(f"{title}: {short or 'something went wrong'}", Style.RED, *([long] if long else []))


def _fields(values: dict[str, Any]) -> list[str]:
    return [f"{name}: {_value(value)}" for name, value in values.items()]


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
