"""`ui.process(response)`: follow what `a.run(...)` or `await a.a_run(...)` returned to its end and give its summary.

Inside a run the events were shown when they were sent (`stream`); a response whose events come from somewhere else,
such as a thread that the workflow started outside of the framework, is shown here, while it is read.
"""

from __future__ import annotations

from typing import Any

from autogen.events.agent_events import InputRequestEvent
from autogen.io.run_response import AsyncRunIterResponse, AsyncRunResponse, RunIterResponse, RunResponse

from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.classic import stream
from fastagency_backend.frameworks.classic.completion import refuse_on_loop
from fastagency_backend.frameworks.classic.instrument import SHOWN_LIVE
from fastagency_backend.frameworks.classic.thread import in_thread

BLOCKING = (RunResponse, RunIterResponse)
ASYNC = (AsyncRunResponse, AsyncRunIterResponse)


def process_blocking(source: Any, run: Run) -> str:
    """Read a blocking response in a thread of the run. Raises what the agents' conversation raised."""
    if isinstance(source, ASYNC):
        raise TypeError(
            "This response came from an async form such as `a_run(...)`: use `await ui.async_process(response)`, "
            "or `await ui.process(response)` where the workflow has an `AsyncUI`."
        )
    refuse_on_loop(run)
    for event in source.events if isinstance(source, RunResponse) else source:
        if _shown(source):
            continue
        if isinstance(event, InputRequestEvent):
            event.content.respond(stream.ask_blocking(run, event.content.prompt, password=event.content.password))
        else:
            stream.show(run, event)
    return _text(source.summary)


async def process(source: Any, run: Run) -> str:
    """Read any response in a task of the run. Raises what the agents' conversation raised."""
    if isinstance(source, BLOCKING):
        return await in_thread(lambda: process_blocking(source, run))
    async for event in source.events if isinstance(source, AsyncRunResponse) else source:
        if not _shown(source):
            if isinstance(event, InputRequestEvent):
                answer = await stream.ask(run, event.content.prompt, password=event.content.password)
                await event.content.respond(answer)
            else:
                stream.show(run, event)
        await run.drain()
    return _text(await source.summary if isinstance(source, AsyncRunResponse) else source.summary)


def _shown(source: Any) -> bool:
    return bool(getattr(source.iostream, SHOWN_LIVE, False))


def _text(summary: Any) -> str:
    return "" if summary is None else str(summary)
