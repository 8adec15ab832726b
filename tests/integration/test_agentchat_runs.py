"""Whole AgentChat teams in runs, on the real client over real HTTP, interrupted at every call and gone on with."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat
from autogen_core.models import ChatCompletionClient
from fastagency_backend import frameworks
from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.agentchat.model import model_client
from fastagency_backend.frameworks.model_settings import ModelSettings
from fastagency_shared.answer import Answer
from fastagency_shared.messages import (
    FunctionCallExecution,
    LoggedMessage,
    Question,
    SuggestedFunctionCall,
    TextChunk,
    TextInput,
    TextMessage,
)

from tests.databases import Database, select, sqlite_only
from tests.fakes.engine import eventually, logged, running, start, watch
from tests.fakes.openai_server import OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
async def model(server: OpenAIServer) -> AsyncIterator[ChatCompletionClient]:
    client = frameworks.record(model_client(ModelSettings(name="fake", base_url=server.base_url, max_retries=0)))
    yield client
    await client.close()


def completions(database: Database) -> int:
    ((count,),) = select(database, "SELECT count(*) FROM step WHERE key LIKE 'llm:%'")
    return int(count)


Body = Callable[[Run], Awaitable[str]]


async def settled(
    server: OpenAIServer, database: Database, calls: int, finished: int, watcher: asyncio.Task[object]
) -> None:
    """Wait until the run has ended, or has recorded the completion that this life is allowed and asks for another one.

    `calls` and `finished` are the server's counts when this life began.
    """

    def between() -> bool:
        asks = len(server.finished) > finished and len(server.calls) >= calls + 2
        return asks and completions(database) == len(server.finished)

    await eventually(lambda: watcher.done() or between())


async def interrupted(
    server: OpenAIServer, database: Database, body: Body, *, answer: Callable[[Question], Answer] | None = None
) -> list[LoggedMessage]:
    """Go through a run with one completion per life of the backend; the log at its end.

    Each completion that the server finishes is recorded before the backend stops, so none may be asked for again.
    """
    server.behaviour.gate = gate = threading.Semaphore(0)
    for life in range(1, 100):
        async with running(database, body) as engine:
            if life == 1:
                await start(engine)
            before, finished = len(server.calls), len(server.finished)
            gate.release()
            watcher = asyncio.create_task(watch(engine, answer=answer))
            await settled(server, database, before, finished, watcher)
            if watcher.done():
                return await logged(engine)
            watcher.cancel()
    raise AssertionError("the run does not end")


def check_log(log: list[LoggedMessage]) -> None:
    """Without gaps, ended well, and nothing twice: every answer of the model is random."""
    assert [message.seq for message in log] == list(range(1, len(log) + 1))
    assert log[-1].type == "workflow_completed"
    said = Counter((m.sender, m.body) for m in log if isinstance(m, TextMessage))
    called = Counter(m.call_id for m in log if isinstance(m, SuggestedFunctionCall))
    executed = Counter(m.call_id for m in log if isinstance(m, FunctionCallExecution))
    assert set(said.values()) == {1}
    assert called == executed
    assert set(called.values()) <= {1}


def shape(log: list[LoggedMessage]) -> list[tuple[str, str | None]]:
    return [(message.type, message.sender) for message in log if message.type not in ("usage", "input_answered")]


async def test_a_round_robin_with_tool_person_and_streaming_survives_a_stop_at_every_call(
    server: OpenAIServer, model: ChatCompletionClient, database: Database
) -> None:
    added: list[tuple[int, int]] = []

    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        added.append((a, b))
        return a + b

    async def body(run: Run) -> str:
        frameworks.install()
        writer = AssistantAgent("writer", model, tools=[add], reflect_on_tool_use=True, model_client_stream=True)
        critic = AssistantAgent("critic", model)
        team = RoundRobinGroupChat(
            [writer, critic, UserProxyAgent("user")], termination_condition=MaxMessageTermination(15)
        )
        return await frameworks.process(team.run_stream(task="Begin"), run)

    log = await interrupted(server, database, body, answer=lambda question: f"as you like, {question.uuid}")

    check_log(log)
    turn = ["suggested_function_call", "function_call_execution", "text_message"]
    turns = [("user", "text_message")] + [
        *(("writer", kind) for kind in turn),
        ("critic", "text_message"),
        ("user", "text_input"),
    ] * 2
    assert [(sender, kind) for kind, sender in shape(log)][1 : 1 + len(turns)] == turns
    assert max(Counter(server.finished).values()) == 1
    assert len(server.finished) == completions(database)
    assert len(set(added)) == len(added) == sum(m.type == "function_call_execution" for m in log)
    questions = [m for m in log if isinstance(m, TextInput)]
    assert {(question.sender, question.prompt) for question in questions} == {("user", "Enter your response:")}


async def test_a_graph_with_four_agents_at_once_survives_a_stop_at_every_call(
    server: OpenAIServer, model: ChatCompletionClient, database: Database
) -> None:
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    async def body(run: Run) -> str:
        frameworks.install()
        root, join = AssistantAgent("root", model), AssistantAgent("join", model)
        branches = [
            AssistantAgent(f"branch{n}", model, tools=[add], reflect_on_tool_use=True, system_message=f"Branch {n}")
            for n in range(4)
        ]
        builder = DiGraphBuilder()
        builder.add_node(root).add_node(join)
        for branch in branches:
            builder.add_node(branch).add_edge(root, branch).add_edge(branch, join)
        builder.set_entry_point(root)
        team = GraphFlow(builder.get_participants(), graph=builder.build())
        return await frameworks.process(team.run_stream(task="Begin"), run)

    log = await interrupted(server, database, body)

    check_log(log)
    assert Counter(sender for kind, sender in shape(log) if kind == "text_message") == Counter(
        ["user", "root", "branch0", "branch1", "branch2", "branch3", "join"]
    )
    assert max(Counter(server.finished).values()) == 1
    assert len(server.finished) == completions(database) == 1 + 4 * 2 + 1


async def test_chunks_are_shown_live_and_make_up_the_text(
    server: OpenAIServer, model: ChatCompletionClient, database: Database
) -> None:
    async def body(run: Run) -> str:
        frameworks.install()
        poet = AssistantAgent("poet", model, model_client_stream=True)
        return await frameworks.process(poet.run_stream(task="A poem"), run)

    server.behaviour.chunk_delay_s = 0.01
    async with running(database, body) as engine:
        await start(engine)
        seen = await watch(engine)

    (text,) = [m for m in seen if isinstance(m, TextMessage) and m.sender == "poet"]
    chunks = [m for m in seen if isinstance(m, TextChunk)]
    assert len(chunks) > 1
    assert "".join(piece.delta for piece in chunks) == text.body
    assert len({piece.stream for piece in chunks}) == 1
    assert seen[-1].wire()["content"] == {"result": text.body}


@sqlite_only
async def test_an_error_of_the_model_ends_the_run_with_one_message_and_no_internals(
    server: OpenAIServer, model: ChatCompletionClient, database: Database
) -> None:
    async def body(run: Run) -> str:
        frameworks.install()
        team = RoundRobinGroupChat([AssistantAgent("poet", model)], max_turns=1)
        return await frameworks.process(team.run_stream(task="A poem"), run)

    server.behaviour.failures.append(500)
    async with running(database, body) as engine:
        await start(engine)
        seen = [m for m in await watch(engine) if m.seq is not None]

    assert [m.type for m in seen] == ["workflow_started", "text_message", "workflow_failed"]
    assert "Traceback" not in seen[-1].model_dump_json()


async def test_stopping_a_run_stops_the_call_under_way(
    server: OpenAIServer, model: ChatCompletionClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(run: Run) -> str:
        frameworks.install()
        team = RoundRobinGroupChat([AssistantAgent("poet", model)], max_turns=1)
        return await frameworks.process(team.run_stream(task="A poem"), run)

    server.behaviour.hang = 1
    async with running(database, body) as engine:
        await start(engine)
        await eventually(lambda: len(server.calls) == 1)
        (run,) = engine.driver.live.values()
        tasks = list(run.tasks)
        await engine.service.cancel(run.id, None)
        await eventually(lambda: all(task.done() for task in tasks))
    tasks.clear()
    del run
    gc.collect()

    assert not [record for record in caplog.records if "task_done" in (record.exc_text or record.getMessage())]


@sqlite_only
async def test_results_that_are_not_streams_are_shown_too(
    server: OpenAIServer, model: ChatCompletionClient, database: Database
) -> None:
    async def body(run: Run) -> str:
        frameworks.install()
        poet = AssistantAgent("poet", model)
        first = await frameworks.process(await poet.run(task="A poem"), run)
        second = await frameworks.process(poet.run(task="Another"), run)
        return f"{first} and {second}"

    server.behaviour.answers.extend(["one", "two"])
    async with running(database, body) as engine:
        await start(engine)
        await watch(engine)
        log = await logged(engine)

    assert [m.body for m in log if isinstance(m, TextMessage)] == ["A poem", "one", "Another", "two"]
    assert log[-1].wire()["content"] == {"result": "one and two"}


@sqlite_only
@pytest.mark.parametrize("source", [42, "text", None, object])
async def test_anything_else_is_refused_with_what_is_accepted(source: object, database: Database) -> None:
    refusals: list[str] = []

    async def body(run: Run) -> str:
        with pytest.raises(TypeError) as refusal:
            await frameworks.process(source, run)
        refusals.append(str(refusal.value))
        return ""

    async with running(database, body) as engine:
        await start(engine)
        await watch(engine)

    assert "team.run_stream(task=...)" in refusals[0]
