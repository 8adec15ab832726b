"""What is traced of AgentChat's agents: their turns for our own spans, and AgentChat's spans of its messages.

What is replayed is nobody's: nothing in it is done. Nor is it for free: AgentChat makes twenty spans a turn, be they
sent anywhere or not, and a quarter of a replay's time went into them.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing, nullcontext
from typing import Any

from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.run import Run

Method = Callable[..., Any]

_NO_SPAN = nullcontext()
"""AgentChat does nothing with the span itself."""


def on_messages_stream(original: Method) -> Method:
    """`BaseChatAgent.on_messages_stream`."""

    @functools.wraps(original)
    def seen(self: Any, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        run = current_run()
        turn: AsyncGenerator[Any, None] = original(self, *args, **options)
        return turn if run is None or run.replaying or not run.observer.agents else _seen(run, self.name, turn)

    return seen


async def _seen(run: Run, agent: str, turn: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    with run.observer.agent(run.record, agent):
        async with aclosing(turn) as events:
            async for event in events:
                yield event


def trace_block(original: Method) -> Method:
    """`TraceHelper.trace_block`, a span around each thing that AgentChat's runtime does with a message."""

    @functools.wraps(original)
    def spared(self: Any, *args: Any, **options: Any) -> AbstractContextManager[Any]:
        run = current_run()
        if run is not None and run.replaying:
            return _NO_SPAN
        span: AbstractContextManager[Any] = original(self, *args, **options)
        return span

    return spared
