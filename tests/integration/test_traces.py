"""Spans of real runs, in the SDK's own memory: their tree, their names, and what they leave out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from autogen import ConversableAgent, LLMConfig, register_function
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from fastagency_backend.engine.engine import Engine, EngineSettings
from fastagency_backend.engine.view import run_info
from fastagency_backend.frameworks.agentchat.model import model_client
from fastagency_backend.frameworks.model_settings import ModelSettings
from fastagency_backend.observe.traces import Traces
from fastagency_backend.store import SqliteStore
from fastagency_backend.workflow import UI, AsyncUI, Workflow
from fastagency_shared.run import InitiateRequest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.fakes.lab import run_id, until
from tests.fakes.openai_server import OpenAIServer

SECRET = "four times seven"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        server.behaviour.answers.append([{"name": "multiply", "arguments": {"a": 4}}])
        yield server


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


application: list[int] = []
"""The spans below which the tool's own would be."""


def multiply(a: int) -> int:
    """Multiply by seven."""
    application.append(trace.get_current_span().get_span_context().span_id)
    return a * 7


def agentchat(server: OpenAIServer, *, stream: bool) -> Any:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        model = model_client(ModelSettings(name="fake", base_url=server.base_url, max_retries=0))
        clerk = AssistantAgent("clerk", model, tools=[multiply], reflect_on_tool_use=True, model_client_stream=stream)
        team = RoundRobinGroupChat([clerk], termination_condition=MaxMessageTermination(2))
        try:
            await ui.process(team.run_stream(task=SECRET))
        finally:
            await model.close()
        return await ui.text_input(prompt="Well?")

    return flow


def classic(server: OpenAIServer) -> Any:
    def flow(ui: UI, params: dict[str, Any]) -> str:
        config = LLMConfig({"model": "fake", "base_url": server.base_url, "api_key": "k", "max_retries": 0})
        clerk = ConversableAgent("clerk", llm_config=config, human_input_mode="NEVER")
        asker = ConversableAgent("asker", llm_config=False, human_input_mode="NEVER")
        register_function(multiply, caller=clerk, executor=asker, description="Multiply by seven")
        asker.initiate_chat(clerk, message=SECRET, max_turns=2)
        return ui.text_input(prompt="Well?")

    return flow


async def life(path: Path, flow: Any, exporter: InMemorySpanExporter, *, content: bool = False) -> list[ReadableSpan]:
    """Start or go on with the run, until it asks (the first time) or ends; the spans of this time."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    exporter.clear()
    application.clear()
    wf = Workflow()
    wf.register("sums", "d")(flow)
    observer = Traces(content=content, provider=provider)
    engine = Engine(SqliteStore(path, synchronous="OFF"), wf.specs, EngineSettings(), observer)
    await engine.start()
    try:
        service = engine.service
        await service.create(InitiateRequest(workflow_name="sums", workflow_uuid=run_id()), None)

        async def asks_or_ended() -> bool:
            record = await service.get(run_id(), None)
            return record.status.ended or bool(record.questions)

        info = run_info(await service.get(run_id(), None))
        if info.questions:
            await service.answer(run_id(), None, info.questions[0].uuid, "28")
        await until(asks_or_ended)
    finally:
        await engine.stop()
    return list(exporter.get_finished_spans())


def tree(spans: list[ReadableSpan]) -> list[tuple[str, str | None]]:
    """Each span's name with its parent's, in the order in which they began."""
    names = {span.context.span_id: span.name for span in spans if span.context}
    spans = sorted(spans, key=lambda span: span.start_time or 0)
    return [(span.name, names[span.parent.span_id] if span.parent else None) for span in spans]


SUMS = "invoke_workflow sums"
CLERK = "invoke_agent clerk"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_tree_of_an_agentchat_team(
    stream: bool, server: OpenAIServer, exporter: InMemorySpanExporter, tmp_path: Path
) -> None:
    spans = await life(tmp_path / "runs.sqlite3", agentchat(server, stream=stream), exporter)
    assert tree(spans) == [
        (SUMS, None),
        (CLERK, SUMS),
        ("chat fake", CLERK),
        ("execute_tool multiply", CLERK),
        ("chat fake", CLERK),
    ]
    assert application == [span.context.span_id for span in spans if "multiply" in span.name and span.context]
    assert {span.attributes["gen_ai.conversation.id"] for span in spans if span.attributes} == {run_id()}
    chat = next(span for span in spans if span.name == "chat fake")
    assert chat.attributes is not None
    assert chat.attributes["gen_ai.request.model"] == "fake"
    assert chat.attributes["gen_ai.agent.name"] == "clerk"
    assert chat.attributes["gen_ai.request.stream"] is stream
    assert stream or int(str(chat.attributes["gen_ai.usage.input_tokens"])) > 0  # AgentChat's streams do not count


async def test_the_tree_of_a_classic_chat(server: OpenAIServer, exporter: InMemorySpanExporter, tmp_path: Path) -> None:
    spans = await life(tmp_path / "runs.sqlite3", classic(server), exporter)
    assert application == [span.context.span_id for span in spans if "multiply" in span.name and span.context]
    found = tree(spans)
    assert found[:4] == [
        (SUMS, None),
        (CLERK, SUMS),
        ("chat fake", CLERK),
        ("invoke_agent asker", SUMS),
    ]
    assert ("execute_tool multiply", "invoke_agent asker") in found


@pytest.mark.parametrize("framework", ["agentchat", "classic"])
async def test_a_replayed_step_has_no_span(
    framework: str, server: OpenAIServer, exporter: InMemorySpanExporter, tmp_path: Path
) -> None:
    flow = classic(server) if framework == "classic" else agentchat(server, stream=False)
    await life(tmp_path / "runs.sqlite3", flow, exporter)
    (span,) = await life(tmp_path / "runs.sqlite3", flow, exporter)
    assert span.name == SUMS
    assert span.attributes is not None
    assert span.attributes["fastagency.resumed"] is True


@pytest.mark.parametrize("content", [False, True])
async def test_what_is_said_is_left_out_unless_it_is_wanted(
    content: bool, server: OpenAIServer, exporter: InMemorySpanExporter, tmp_path: Path
) -> None:
    flow = agentchat(server, stream=False)
    spans = await life(tmp_path / "runs.sqlite3", flow, exporter, content=content)
    assert (SECRET in "".join(span.to_json() for span in spans)) is content


@pytest.mark.parametrize("content", [False, True])
async def test_a_failure_is_named_and_its_text_is_content(
    content: bool, server: OpenAIServer, exporter: InMemorySpanExporter, tmp_path: Path
) -> None:
    server.behaviour.failures.append(429)
    flow = agentchat(server, stream=False)
    spans = await life(tmp_path / "runs.sqlite3", flow, exporter, content=content)
    chat = next(span for span in spans if span.name == "chat fake")
    assert chat.attributes is not None
    assert chat.attributes["error.type"] == "RateLimitError"
    assert not chat.status.is_ok
    assert ("the test wants a 429" in "".join(span.to_json() for span in spans)) is content
