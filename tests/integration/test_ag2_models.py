"""Whatever the model behind a classic agent does: its errors, its client's class, several conversations at once."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from autogen import ConversableAgent, LLMConfig
from fastagency_backend.engine.engine import Engine, EngineSettings
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.store import SqliteStore
from fastagency_backend.workflow.ui import UI, AsyncUI
from fastagency_shared.messages import TextMessage, parse_message
from fastagency_shared.run import InitiateRequest

from tests.fakes.classic import agent, flow
from tests.fakes.engine import Seen, logged, running, start, watch
from tests.fakes.openai_server import OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def other() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


def said(message: Seen, body: str) -> bool:
    return isinstance(message, TextMessage) and message.body == body


def texts(seen: list[Any]) -> list[str | None]:
    return [message.body for message in seen if isinstance(message, TextMessage)]


async def test_a_failed_call_and_its_way_out_are_met_again(
    tmp_path: Path, server: OpenAIServer, other: OpenAIServer
) -> None:
    """The first model fails and the second answers; after a restart the first one, well again, must not be asked."""
    server.behaviour.failures.append(400)
    other.behaviour.answers.append("from the second")

    def chat(ui: UI, params: dict[str, Any]) -> str:
        entries = [
            {"model": "fake", "api_key": "sk-fake", "base_url": model.base_url, "price": [0, 0]}
            for model in (server, other)
        ]
        teacher = ConversableAgent("teacher", llm_config=LLMConfig(*entries), human_input_mode="NEVER")
        summary = agent("student", server).initiate_chat(teacher, message="hi", max_turns=1).summary
        return f"{summary}, {ui.text_input(prompt='And?')}"

    async with running(tmp_path / "runs.db", flow(chat)) as engine:
        await start(engine)
        await watch(engine, until=lambda message: message.type == "text_input")
    async with running(tmp_path / "runs.db", flow(chat)) as engine:
        seen = await watch(engine, answer=lambda _question: "good")
    assert texts(seen) == ["hi", "from the second"]
    assert seen[-1].result == "from the second, good"  # type: ignore[union-attr]
    assert (len(server.calls), len(other.calls)) == (1, 1)


class Parrot:
    """A custom client, as the framework's protocol has it."""

    def __init__(self, config: dict[str, Any], *, calls: list[Any], extra: Any) -> None:
        self._calls, self._extra = calls, extra

    def create(self, params: dict[str, Any]) -> Any:
        self._calls.append(params)
        params["messages"].append("a client may do this")
        message = SimpleNamespace(content="squawk", function_call=None, tool_calls=None)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model="parrot", extra=self._extra)

    def message_retrieval(self, response: Any) -> list[Any]:
        return [choice.message.content for choice in response.choices]

    def cost(self, response: Any) -> float:
        return 0.0

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(("extra", "calls_after"), [("recordable", 1), (object(), 2)])
async def test_a_custom_client(
    extra: Any, calls_after: int, tmp_path: Path, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Any] = []

    def chat(ui: UI, params: dict[str, Any]) -> None:
        bird = ConversableAgent(
            "bird",
            llm_config=LLMConfig({"model": "parrot", "model_client_cls": "Parrot"}),
            human_input_mode="NEVER",
        )
        bird.register_model_client(Parrot, calls=calls, extra=extra)
        agent("student", server).initiate_chat(bird, message="hi", max_turns=1)
        ui.text_input(prompt="And?")

    async with running(tmp_path / "runs.db", flow(chat)) as engine:
        await start(engine)
        await watch(engine, until=lambda message: message.type == "text_input")
    async with running(tmp_path / "runs.db", flow(chat)) as engine:
        seen = await watch(engine, answer=lambda _question: "good")
    assert texts(seen) == ["hi", "squawk"]
    assert len(calls) == calls_after
    assert ("is not recorded" in caplog.text) is (calls_after == 2)


@pytest.mark.parametrize("form", ["thread", "loop"])
async def test_conversations_at_once_do_not_mix(form: str, tmp_path: Path, server: OpenAIServer) -> None:
    """All of them are in a call at the same time: none can go on before the last has begun."""
    count = 8
    together = threading.Barrier(count)

    def answer(body: dict[str, Any]) -> str:
        together.wait(20)
        return f"{body['messages'][-1]['content']} too"

    server.answer = answer  # type: ignore[method-assign]

    def chat(ui: UI, params: dict[str, Any]) -> str:
        name = params["name"]
        response = agent(f"student{name}", server).run(agent(f"teacher{name}", server), message=name, max_turns=2)
        return ui.process(response)

    async def a_chat(ui: AsyncUI, params: dict[str, Any]) -> str:
        name = params["name"]
        student, teacher = agent(f"student{name}", server), agent(f"teacher{name}", server)
        return await ui.process(await student.a_run(teacher, message=name, max_turns=2))

    spec = WorkflowSpec("flow", "A workflow of a test", flow(chat if form == "thread" else a_chat))
    store = SqliteStore(tmp_path / "runs.db", synchronous="OFF")
    engine = Engine(store, {"flow": spec}, EngineSettings())
    await engine.start()
    try:
        runs = [
            await engine.service.create(InitiateRequest(workflow_name="flow", params={"name": str(number)}), None)
            for number in range(count)
        ]
        for number, run in enumerate(runs):
            messages = []
            async for batch in engine.service.readers.watch(run.id, after=0, beat_s=5.0):
                messages.extend(parse_message(item.body) for item in batch if hasattr(item, "body"))
            speakers = {message.sender for message in messages if isinstance(message, TextMessage)}
            assert speakers == {f"student{number}", f"teacher{number}"}
            assert texts(messages) == [f"{number}{' too' * times}" for times in range(4)]
    finally:
        await engine.stop()


async def test_chats_side_by_side_in_one_run(tmp_path: Path, server: OpenAIServer) -> None:
    """`a_initiate_chats` runs them as tasks; after a stop in the middle each goes on where it was."""
    chance = asyncio.Event()

    async def chat(ui: AsyncUI, params: dict[str, Any]) -> str:
        student = agent("student", server)
        queue = [
            {"chat_id": n, "recipient": agent(f"teacher{n}", server), "message": f"Begin {n}", "max_turns": 3}
            for n in (1, 2)
        ]
        results = await student.a_initiate_chats([{**entry, "silent": False} for entry in queue])
        chance.set()
        return " and ".join(str(results[n].summary) for n in (1, 2))

    left = [6]

    def enough(_message: Seen) -> bool:
        left[0] -= 1
        return left[0] == 0

    async with running(tmp_path / "runs.db", flow(chat)) as engine:
        await start(engine)
        await watch(engine, until=enough)
        before = await logged(engine)
    asked = len(server.calls)
    async with running(tmp_path / "runs.db", flow(chat)) as engine:
        seen = await watch(engine)
        after = await logged(engine)
    assert chance.is_set()
    assert [message.uuid for message in after[: len(before)]] == [message.uuid for message in before]
    assert seen[-1].type == "workflow_completed"
    assert asked <= len(server.calls) <= 10 + 2, "only the calls in flight at the stop may be made again"
    assert sorted(text for text in texts(after) if text and text.startswith("Begin")) == ["Begin 1", "Begin 2"]
    assert len(texts(after)) == 12
