"""The turns of AgentChat's agents, for whoever traces them."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.run import Run

Method = Callable[..., Any]


def on_messages_stream(original: Method) -> Method:
    """`BaseChatAgent.on_messages_stream`. A turn that is replayed is nobody's: nothing in it is done."""

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
