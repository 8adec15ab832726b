"""Shows what an AgentChat team or agent produces, as it produces it."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any, TypeGuard

from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.messages import (
    BaseChatMessage,
    ModelClientStreamingChunkEvent,
    TextMessage,
    ToolCallExecutionEvent,
)
from fastagency_shared.messages import LoggedMessage, Usage

from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.agentchat.failure import tell
from fastagency_backend.frameworks.agentchat.person import said
from fastagency_backend.frameworks.agentchat.translate import chunk, identity, text_of, translate
from fastagency_backend.frameworks.agentchat.usage import model_of

_SIGN_OFF = "TERMINATE"
_TASK_GIVER = "user"
"""The source that AgentChat gives to the message made of a task."""


Source = AsyncGenerator[Any, None] | TaskResult | Response


def is_source(source: object) -> TypeGuard[Source]:
    """Whether `process` can show it: a stream of events, a `TaskResult` or a `Response`."""
    return inspect.isasyncgen(source) or isinstance(source, TaskResult | Response)


async def process(source: Source, run: Run) -> str:
    """Show every event and return what a person would call the result: the text that an agent said last.

    Raises:
        Exception: whatever the team raises.
    """
    return await (_finished(source, run) if isinstance(source, TaskResult | Response) else _stream(source, run))


async def _stream(stream: AsyncGenerator[Any, None], run: Run) -> str:
    text = ""
    async with aclosing(stream):
        async for event in stream:
            text = await _show(event, run) or text
    return text


async def _finished(result: TaskResult | Response, run: Run) -> str:
    text = ""
    events: list[Any] = [*result.messages, result] if isinstance(result, TaskResult) else [*_parts(result)]
    for event in events:
        text = await _show(event, run) or text
    return text


def _parts(response: Response) -> Iterator[object]:
    yield from response.inner_messages or ()
    yield response.chat_message


async def _show(event: object, run: Run) -> str | None:
    """Show an event; returns what an agent said with it, if it said anything."""
    if isinstance(event, ModelClientStreamingChunkEvent):
        run.chunk(chunk(event))
        return None
    if isinstance(event, Response):  # the end of an agent's `on_messages_stream`
        event = event.chat_message
    if isinstance(event, TextMessage) and said(run, event.source, event.content):
        return None
    same = identity(event)
    new = [run.emit(_named(message, run), identity=[place, same]) for place, message in enumerate(translate(event))]
    if isinstance(event, ToolCallExecutionEvent) and any(new):
        for result in event.content:
            tell(run, event.source, result)
    await run.drain()
    return _said_by_agent(event)


def _named(message: LoggedMessage, run: Run) -> LoggedMessage:
    """The message; if it tells of tokens, with the model that took them."""
    return (
        message.model_copy(update={"model": model_of(run, message.sender)}) if isinstance(message, Usage) else message
    )


def _said_by_agent(event: object) -> str | None:
    if not isinstance(event, BaseChatMessage) or event.source == _TASK_GIVER:
        return None
    text = text_of(event)
    return text if text and text.strip() != _SIGN_OFF else None
