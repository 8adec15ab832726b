"""What is recorded of AgentChat's calls, how often, and that outside a run nothing is."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.tools import AgentTool
from autogen_core import CancellationToken, FunctionCall
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from autogen_core.models import ChatCompletionClient, CreateResult, LLMMessage, RequestUsage, UserMessage
from autogen_core.tools import FunctionTool, StaticStreamWorkbench, StaticWorkbench, ToolResult
from autogen_ext.models.replay import ReplayChatCompletionClient
from fastagency_backend import frameworks
from fastagency_backend.engine.context import current_run, current_step_key
from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.agentchat.offline import OfflineModel
from fastagency_backend.frameworks.hook import leave_alone
from fastagency_shared.messages import TextInput, TextMessage

from tests.fakes.engine import eventually, logged, running, start, watch

ASK = [UserMessage(content="Tell me", source="user")]


class Model(OfflineModel):
    """Answers at random and counts; `script` answers come first."""

    def __init__(self, *script: str | list[FunctionCall]) -> None:
        super().__init__(word_delay_s=0)
        self.script = list(script)
        self.calls = 0

    async def create(self, messages: Sequence[LLMMessage], **options: Any) -> CreateResult:
        self.calls += 1
        content = self.script.pop(0) if self.script else f"word {random.random()}"
        return CreateResult(finish_reason="stop", content=content, usage=RequestUsage(1, 1), cached=False)


class Relay(Model):
    """A client in front of another, as a cache is."""

    def __init__(self, inner: Model) -> None:
        super().__init__()
        self.inner = inner

    async def create(self, messages: Sequence[LLMMessage], **options: Any) -> CreateResult:
        return await self.inner.create(messages, **options)

    def create_stream(self, messages: Sequence[LLMMessage], **options: Any) -> AsyncGenerator[str | CreateResult, None]:
        return self.inner.create_stream(messages, **options)


Flow = Callable[[Run], Awaitable[object]]


async def twice(path: Path, flow: Flow) -> tuple[list[object], list[str]]:
    """Run a flow to its end, interrupt it there, run it again in a new engine: both results, and the steps recorded."""
    results: list[object] = []
    keys: list[str] = []

    async def body(run: Run) -> str:
        frameworks.install()
        results.append(await flow(run))
        keys[:] = list(run.results.steps)
        if len(results) == 1:
            await asyncio.sleep(3600)
        return "done"

    async with running(path, body) as engine:
        await start(engine)
        await eventually(lambda: bool(results))
    async with running(path, body) as engine:
        await watch(engine)
        assert (await logged(engine))[-1].type == "workflow_completed"
    return results, keys


Seam = Callable[[ChatCompletionClient], ChatCompletionClient]


@pytest.fixture(params=["patched", "wrapped", "wrapped twice"])
def seam(request: pytest.FixtureRequest) -> Seam:
    """How a client comes to be recorded."""
    return {
        "patched": lambda client: client,
        "wrapped": frameworks.record,
        "wrapped twice": lambda client: frameworks.record(frameworks.record(client)),
    }[request.param]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite3"


async def test_a_completion_is_made_once(path: Path, seam: Seam) -> None:
    model = Model()
    client = seam(model)

    async def flow(run: Run) -> object:
        return (await client.create(ASK)).content, (await client.create(ASK)).content

    (first, again), keys = await twice(path, flow)

    assert first == again
    assert first[0] != first[1]  # type: ignore[index]
    assert model.calls == 2
    assert [key.split(":")[0] for key in keys] == ["llm", "llm"]


async def test_a_streamed_completion_is_made_once_and_replayed_whole(path: Path, seam: Seam) -> None:
    model = Model("one two three")
    client = seam(model)

    async def flow(run: Run) -> object:
        return [item if isinstance(item, str) else item.content async for item in client.create_stream(ASK)]

    (first, again), _ = await twice(path, flow)

    assert first == ["one ", "two ", "three ", "one two three"]
    assert again == ["one two three", "one two three"]
    assert model.calls == 1


async def test_a_client_inside_a_client_is_one_step(path: Path, seam: Seam) -> None:
    relay = Relay(Model())
    client = seam(relay)

    async def flow(run: Run) -> object:
        streamed = [item async for item in client.create_stream(ASK)][-1]
        assert isinstance(streamed, CreateResult)
        return (await client.create(ASK)).content, streamed.content

    (first, again), keys = await twice(path, flow)

    assert first == again
    assert relay.inner.calls == 2
    assert len(keys) == 2


async def test_what_the_consumer_of_a_stream_does_is_not_inside_its_step(path: Path) -> None:
    model, other = Model("one two"), Model()
    seen: list[str | None] = []

    async def flow(run: Run) -> object:
        async for _ in model.create_stream(ASK):
            seen.append(current_step_key())
            await other.create(ASK)
        return None

    _, keys = await twice(path, flow)

    assert set(seen) == {None}
    assert len(keys) == 1 + 3


def workbench(function: Callable[..., Any]) -> StaticWorkbench:
    return StaticWorkbench([FunctionTool(function, description="A tool", name="tool")])


async def test_a_tool_is_called_once_and_its_error_is_a_result(path: Path) -> None:
    calls: list[int] = []

    async def half(number: int) -> float:
        calls.append(number)
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number / 2

    async def flow(run: Run) -> object:
        bench, stream = workbench(half), StaticStreamWorkbench([FunctionTool(half, description="", name="tool")])
        streamed = [item async for item in stream.call_tool_stream("tool", {"number": 8})]
        good, bad = await bench.call_tool("tool", {"number": 4}), await bench.call_tool("tool", {"number": 3})
        return [(item.to_text(), item.is_error) for item in (*streamed, good, bad) if isinstance(item, ToolResult)]

    (first, again), keys = await twice(path, flow)

    assert first == again == [("4.0", False), ("2.0", False), ("3 is odd", True)]
    assert calls == [8, 4, 3]
    assert [key.split(":")[0] for key in keys] == ["tool"] * 3


async def test_a_tool_called_directly_gives_back_its_type(path: Path) -> None:
    calls: list[str] = []

    async def words(text: str) -> list[str]:
        calls.append(text)
        return text.split()

    async def strange(text: str) -> object:
        calls.append(text)
        return object()

    async def flow(run: Run) -> object:
        await FunctionTool(strange, description="").run_json({"text": "x"}, CancellationToken())
        return await FunctionTool(words, description="").run_json({"text": "a b"}, CancellationToken())

    (first, again), _ = await twice(path, flow)

    assert first == again == ["a", "b"]
    assert calls == ["x", "a b", "x"], "what cannot be recorded is called again"


async def test_a_plain_function_knows_its_run_and_step_in_its_own_thread(path: Path) -> None:
    seen: list[tuple[str | None, str | None, str]] = []

    def where(number: int) -> int:
        run = current_run()
        seen.append((run.id if run else None, current_step_key(), threading.current_thread().name))
        return number

    async def flow(run: Run) -> object:
        return (await workbench(where).call_tool("tool", {"number": 1})).to_text()

    await twice(path, flow)

    ((run_id, key, thread),) = seen
    assert run_id is not None
    assert key is not None
    assert key.startswith(f"{run_id}:tool:")
    assert thread.startswith("tool")


async def test_an_agent_as_a_tool_is_recorded_by_its_own_calls(path: Path) -> None:
    inner = Model()

    async def flow(run: Run) -> object:
        poet = AssistantAgent("poet", inner)
        bench = StaticStreamWorkbench([AgentTool(poet, return_value_as_last_message=True)])
        results = [item async for item in bench.call_tool_stream("poet", {"task": "a poem"})]
        assert isinstance(results[-1], ToolResult)
        remembered = await poet.model_context.get_messages()
        return results[-1].to_text(), len(remembered)

    (first, again), keys = await twice(path, flow)

    assert first == again, "the agent remembers what it said"
    assert inner.calls == 1
    assert [key.split(":")[0] for key in keys] == ["llm"]


class Shell(CodeExecutor):
    def __init__(self) -> None:
        self.ran = 0

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        self.ran += 1
        return CodeResult(exit_code=0, output=str(random.random()))

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def restart(self) -> None: ...


async def test_code_is_executed_once(path: Path) -> None:
    shell = Shell()

    async def flow(run: Run) -> object:
        return await shell.execute_code_blocks([CodeBlock("print(1)", "python")], CancellationToken())

    (first, again), _ = await twice(path, flow)

    assert first == again
    assert shell.ran == 1


async def test_a_failed_completion_is_not_recorded(path: Path, seam: Seam) -> None:
    class Failing(Model):
        async def create(self, messages: Sequence[LLMMessage], **options: Any) -> CreateResult:
            self.calls += 1
            raise ConnectionError("the line is dead")

    model = Failing()
    client = seam(model)

    async def flow(run: Run) -> object:
        with pytest.raises(ConnectionError):
            await client.create(ASK)
        return None

    _, keys = await twice(path, flow)

    assert model.calls == 2
    assert keys == []


class Unpatched(Model):
    """A client whose class cannot be reached by a patch."""

    @leave_alone
    async def create(self, messages: Sequence[LLMMessage], **options: Any) -> CreateResult:
        self.calls += 1
        return CreateResult(finish_reason="stop", content="said", usage=RequestUsage(1, 1), cached=False)


async def test_a_wrapped_client_needs_no_patch(path: Path) -> None:
    bare, wrapped = Unpatched(), Unpatched()

    async def flow(run: Run) -> object:
        return (await bare.create(ASK)).content, (await frameworks.record(wrapped).create(ASK)).content

    await twice(path, flow)

    assert (bare.calls, wrapped.calls) == (2, 1)


async def test_wrapped_or_not_a_request_is_the_same(path: Path) -> None:
    """A run goes on when its workflow was changed from one to the other."""
    model = Model()
    clients = iter([model, frameworks.record(model)])

    async def flow(run: Run) -> object:
        return (await next(clients).create(ASK)).content

    (first, again), _ = await twice(path, flow)

    assert first == again
    assert model.calls == 1


def test_a_wrapped_client_is_the_client_in_all_else() -> None:
    model = Model()
    client = frameworks.record(model)
    agent = AssistantAgent("poet", client)

    assert client.model_info == model.model_info
    assert client.count_tokens(ASK) == model.count_tokens(ASK)
    assert client.remaining_tokens(ASK) == model.remaining_tokens(ASK)
    assert client.total_usage() is model.total_usage()
    assert client.dump_component() == model.dump_component()
    assert agent.dump_component().config["model_client"]["provider"] == OfflineModel.component_provider_override
    with pytest.raises(TypeError, match=r"ui.record\(\) takes an AgentChat model client .*, not str"):
        frameworks.record("gpt-4o")  # type: ignore[arg-type]


async def test_outside_a_run_everything_is_as_before() -> None:
    frameworks.install()
    client = ReplayChatCompletionClient(["one", "two three"])

    assert current_run() is None
    assert (await client.create(ASK)).content == "one"
    assert [item async for item in client.create_stream(ASK)][:2] == ["two ", "three"]

    def following(number: int) -> int:
        return number + 1

    assert (await workbench(following).call_tool("tool", {"number": 1})).to_text() == "2"


async def test_each_call_of_a_tool_asks_its_own_question(path: Path) -> None:
    sent: list[str] = []

    async def send(to: str) -> str:
        run = current_run()
        assert run is not None
        run.emit(TextMessage(body="Sending"))
        if await run.ask(TextInput(prompt="Really?")) == "yes":
            sent.append(to)
        return to

    async def body(run: Run) -> str:
        frameworks.install()
        bench = workbench(send)
        await bench.call_tool("tool", {"to": "Ada"})
        if not stopped:
            stopped.append(True)
            await asyncio.sleep(3600)
        await bench.call_tool("tool", {"to": "Bob"})
        return "done"

    stopped: list[bool] = []
    answers = iter(["yes", "no"])
    async with running(path, body) as engine:
        await start(engine)
        watcher = asyncio.create_task(watch(engine, answer=lambda _: next(answers)))
        await eventually(lambda: bool(stopped))
        watcher.cancel()
    async with running(path, body) as engine:
        await watch(engine, answer=lambda _: next(answers))
        log = await logged(engine)

    assert sent == ["Ada"]
    assert [message.type for message in log] == [
        "workflow_started",
        *["text_message", "text_input", "input_answered"] * 2,
        "workflow_completed",
    ]


async def test_a_stream_that_failed_and_was_left_and_then_came_whole_is_not_made_again(path: Path) -> None:
    class Breaking(Model):
        async def create_stream(self, messages: Any, **options: Any) -> AsyncGenerator[str | CreateResult, None]:
            self.calls += 1
            yield "a "
            if self.calls == 1:
                raise ConnectionError("cut")
            yield CreateResult(finish_reason="stop", content="a word", usage=RequestUsage(1, 1), cached=False)

    model = Breaking()

    async def flow(run: Run) -> object:
        while True:
            with suppress(ConnectionError):
                async with aclosing(model.create_stream(ASK)) as items:
                    async for item in items:
                        if model.calls == 2:
                            break
                        if isinstance(item, CreateResult):
                            return item.content

    results, keys = await twice(path, flow)
    assert results == ["a word", "a word"]
    assert model.calls == 3
    assert len(keys) == 1
