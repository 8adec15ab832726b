"""Records what AgentChat's agents pay for: completions, tool calls, code executions. A replay does not make them again.

The wrappers below are put around the methods of every such class (`instrument`). Outside a run they do nothing.

What is recorded when one call is made inside another:

- a model client inside a model client (a cache, a router): the outer call only, what is inside belongs to it;
- a tool inside a workbench: the workbench's call only; it is what the agent sees, errors of the tool included;
- a model call, a question or another tool inside a tool's function: both, the inner ones as parts of the outer one;
- `AgentTool` and `TeamTool` run agents: they are no step themselves. They run again in a replay, where each call of
  their agents gets its recorded result, so that those agents remember what they said.

An error that a model client, a workbench or a tool called directly raises is not recorded: such a call is made again.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
import dataclasses
import functools
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, aclosing, contextmanager
from typing import Any

from autogen_agentchat.tools import AgentTool, TeamTool
from autogen_core.code_executor import CodeResult
from autogen_core.models import ChatCompletionClient, CreateResult
from autogen_core.tools import FunctionTool, ToolResult, Workbench
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.observer import Call, Seen
from fastagency_backend.engine.recording import Recording
from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.agentchat.failure import telling
from fastagency_backend.frameworks.agentchat.request import scope, without_ids
from fastagency_backend.frameworks.agentchat.usage import ModelCall, calling_model, note_model

logger = logging.getLogger(__name__)

Method = Callable[..., Any]
Stream = Callable[[], AsyncGenerator[Any, None]]

_inside: contextvars.ContextVar[object] = contextvars.ContextVar("fastagency_inside", default=None)
"""Whose recorded call this code is a part of."""

TOOL_THREADS = 64
"""Threads for tools that are plain functions, apart from the loop's own, which look up the hosts of model calls."""
_threads = ThreadPoolExecutor(TOOL_THREADS, thread_name_prefix="tool")


@contextmanager
def _within(owner: object) -> Iterator[None]:
    token = _inside.set(owner)
    try:
        yield
    finally:
        _inside.reset(token)


def _recorder(*owners: type) -> Run | None:
    """The run that has to record a call, unless there is none or the call is a part of one by these."""
    return None if isinstance(_inside.get(), (ChatCompletionClient, *owners)) else current_run()


# --- models -----------------------------------------------------------------------------------------------------------


def create(original: Method) -> Method:
    """`ChatCompletionClient.create`."""

    @functools.wraps(original)
    async def recorded(self: Any, messages: Any, **options: Any) -> CreateResult:
        run = _recorder()
        if run is None:
            result: CreateResult = await original(self, messages, **options)
            return result

        model = note_model(run, scope(), self)

        async def call() -> Any:
            with _within(self), calling_model(run, model, messages) as seen:
                result: CreateResult = await original(self, messages, **options)
                seen.answered(result)
            return result.model_dump(mode="json")

        return CreateResult.model_validate(await run.step("llm", scope(), without_ids(messages, options), call))

    return recorded


def create_stream(original: Method) -> Method:
    """`ChatCompletionClient.create_stream`: a replay gives the whole text as one chunk, then the result."""

    @functools.wraps(original)
    def recorded(self: Any, messages: Any, **options: Any) -> AsyncGenerator[str | CreateResult, None]:
        run = _recorder()
        begin: Stream = functools.partial(original, self, messages, **options)
        if run is None:
            return begin()
        model = note_model(run, scope(), self)
        recording = run.recording("llm", scope(), without_ids(messages, options))
        return _completion(recording, self, begin, lambda: calling_model(run, model, messages, streamed=True))

    return recorded


async def _completion(
    recording: Recording, client: object, begin: Stream, around: Callable[[], AbstractContextManager[ModelCall]]
) -> AsyncGenerator[str | CreateResult, None]:
    if recording.found:
        with recording.attempt():
            result = CreateResult.model_validate(await recording.replay())
        if isinstance(result.content, str) and result.content:
            yield result.content
        yield result
        return
    with recording.attempt(), around() as call:
        async with aclosing(_live(recording, client, begin, call.seen)) as items:
            async for item in items:
                if isinstance(item, CreateResult):
                    call.answered(item)
                    await recording.save(item.model_dump(mode="json"))
                yield item


async def _live(recording: Recording, owner: object, begin: Stream, seen: Seen) -> AsyncGenerator[Any, None]:
    """Draw from a stream inside its step, and hand each item out outside of it.

    A generator shares its consumer's context: were the step left open between the items, what the consumer does with
    one of them would count as a part of the step.
    """
    with _within(owner):
        stream = begin()
    async with aclosing(stream):
        while True:
            with recording.calling(), _within(owner), seen.current():
                try:
                    item = await anext(stream)
                except StopAsyncIteration:
                    return
            yield item


# --- tools ------------------------------------------------------------------------------------------------------------


def call_tool(original: Method) -> Method:
    """`Workbench.call_tool`."""

    @functools.wraps(original)
    async def recorded(self: Any, name: str, arguments: Any = None, *args: Any, **options: Any) -> ToolResult:
        run = None if _runs_agents(self, name) else _recorder(Workbench)
        if run is None:
            result: ToolResult = await original(self, name, arguments, *args, **options)
            return result

        async def call() -> Any:
            with _within(self), run.observer.call(run.record, _tool_call(name, options)) as seen:
                result: ToolResult = await original(self, name, arguments, *args, **options)
                _told(seen, arguments, result)
            return result.model_dump(mode="json")

        request = {"tool": name, "arguments": dict(arguments or {})}
        return ToolResult.model_validate(await run.step("tool", scope(), request, call))

    return recorded


def call_tool_stream(original: Method) -> Method:
    """`StreamWorkbench.call_tool_stream`: a replay gives the result, without the events before it."""

    @functools.wraps(original)
    def recorded(
        self: Any, name: str, arguments: Any = None, *args: Any, **options: Any
    ) -> AsyncGenerator[Any | ToolResult, None]:
        run = None if _runs_agents(self, name) else _recorder(Workbench)
        begin: Stream = functools.partial(original, self, name, arguments, *args, **options)
        if run is None:
            return begin()
        request = {"tool": name, "arguments": dict(arguments or {})}
        around = functools.partial(run.observer.call, run.record, _tool_call(name, options, streamed=True))
        return _tool_stream(run.recording("tool", scope(), request), self, begin, around)

    return recorded


async def _tool_stream(
    recording: Recording, workbench: object, begin: Stream, around: Callable[[], AbstractContextManager[Seen]]
) -> AsyncGenerator[Any | ToolResult, None]:
    if recording.found:
        with recording.attempt():
            result = ToolResult.model_validate(await recording.replay())
        yield result
        return
    with recording.attempt(), around() as seen:
        async with aclosing(_live(recording, workbench, begin, seen)) as items:
            async for item in items:
                if isinstance(item, ToolResult):
                    _told(seen, None, item)
                    await recording.save(item.model_dump(mode="json"))
                yield item


def _tool_call(name: str, options: Mapping[str, Any], *, streamed: bool = False) -> Call:
    return Call("tool", name, scope(), options.get("call_id"), streamed)


def _told(seen: Seen, arguments: Any, result: ToolResult) -> None:
    seen.content(lambda: arguments, result.to_text)
    if result.is_error:
        seen.failed("tool_error")


def _runs_agents(workbench: object, name: str) -> bool:
    original = getattr(workbench, "_override_name_to_original", {}).get(name, name)
    tools = getattr(workbench, "_tools", ())
    return any(isinstance(tool, AgentTool | TeamTool) and tool.name == original for tool in tools)


def run_json(original: Method) -> Method:
    """`BaseTool.run_json`: recorded when an agent calls a tool directly, without a workbench."""

    @functools.wraps(original)
    async def recorded(self: Any, args: Any, *more: Any, **options: Any) -> Any:
        owner = _inside.get()
        if owner is self or isinstance(owner, Workbench):
            with _within(self), telling(self.name, options.get("call_id")):
                return await original(self, args, *more, **options)
        run = None if isinstance(self, AgentTool | TeamTool) else _recorder()
        if run is None:
            return await original(self, args, *more, **options)
        recording = run.recording("tool", scope(), {"tool": self.name, "arguments": dict(args)})
        adapter = _adapter(self.return_type())
        with recording.attempt():
            if recording.found:
                return adapter.validate_python(await recording.replay())
            seeing = run.observer.call(run.record, _tool_call(self.name, options))
            with recording.calling(), _within(self), telling(self.name, options.get("call_id")), seeing:
                value = await original(self, args, *more, **options)
            await _save(recording, adapter, value, self.name)
        return value

    return recorded


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(Any if annotation in (None, inspect.Signature.empty) else annotation)


async def _save(recording: Recording, adapter: TypeAdapter[Any], value: Any, tool: str) -> None:
    """Record a tool's value, if its return type can bring it back as it was."""
    try:
        stored = adapter.dump_python(value, mode="json", warnings=False)
        faithful = adapter.validate_python(stored) == value
    except (PydanticSerializationError, ValidationError):
        faithful = False
    if faithful:
        await recording.save(stored)
    else:
        logger.warning("What the tool %r returned cannot be recorded: annotate it with a type that is JSON-able", tool)


def tool(fn: Callable[..., Any], *, description: str | None = None, name: str | None = None) -> FunctionTool:
    """A tool made of a function; described by its docstring unless told otherwise."""
    return FunctionTool(fn, description=description or inspect.getdoc(fn) or "", name=name)


def run_function(original: Method) -> Method:
    """`FunctionTool.run`: give plain functions a thread of the tools' own, in which the run and its step are known."""

    @functools.wraps(original)
    async def with_context(self: Any, *args: Any, **options: Any) -> Any:
        if current_run() is None or inspect.iscoroutinefunction(self._func):
            return await original(self, *args, **options)
        tool: FunctionTool = copy.copy(self)
        tool._func = _in_thread(self._func)
        return await original(tool, *args, **options)

    return with_context


def _in_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(**arguments: Any) -> Any:
        bound = functools.partial(contextvars.copy_context().run, functools.partial(function, **arguments))
        return await asyncio.get_running_loop().run_in_executor(_threads, bound)

    return call


# --- code -------------------------------------------------------------------------------------------------------------


def execute_code_blocks(original: Method) -> Method:
    """`CodeExecutor.execute_code_blocks`."""

    @functools.wraps(original)
    async def recorded(self: Any, code_blocks: Any, *args: Any, **options: Any) -> CodeResult:
        run = _recorder(type(self))
        if run is None:
            result: CodeResult = await original(self, code_blocks, *args, **options)
            return result

        async def call() -> Any:
            with _within(self):
                result: CodeResult = await original(self, code_blocks, *args, **options)
            return {"exit_code": result.exit_code, "output": result.output}

        request = [dataclasses.asdict(block) for block in code_blocks]
        value: Any = await run.step("code", scope(), request, call)
        return CodeResult(**value)

    return recorded
