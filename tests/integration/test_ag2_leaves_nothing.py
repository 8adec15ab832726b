"""A classic conversation that is stopped, parked or left leaves no thread, no call and no question behind."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.engine.engine import Engine
from fastagency_backend.workflow.ui import UI, AsyncUI
from fastagency_shared.messages import TextInput
from fastagency_shared.run import RunStatus

from tests.fakes.classic import agent, flow, person
from tests.fakes.engine import RUN_ID, Seen, eventually, running, start, watch
from tests.fakes.openai_server import OpenAIServer


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


def in_a_thread(server: OpenAIServer) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> None:
        person().initiate_chat(agent("teacher", server), message="hi")

    return chat


def in_a_run(server: OpenAIServer) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> None:
        ui.process(person().run(agent("teacher", server), message="hi"))

    return chat


def in_a_run_read_by_hand(server: OpenAIServer) -> Any:
    def chat(ui: UI, params: dict[str, Any]) -> None:
        for _event in person().run(agent("teacher", server), message="hi").events:
            pass

    return chat


def on_the_loop(server: OpenAIServer) -> Any:
    async def chat(ui: AsyncUI, params: dict[str, Any]) -> None:
        await ui.process(await person().a_run(agent("teacher", server), message="hi"))

    return chat


def on_its_own_loop(server: OpenAIServer) -> Any:
    async def chat(ui: UI, params: dict[str, Any]) -> None:
        await ui.async_process(await person().a_run(agent("teacher", server), message="hi"))

    return chat


FORMS = [in_a_thread, in_a_run, in_a_run_read_by_hand, on_the_loop, on_its_own_loop]


def threads() -> set[threading.Thread]:
    """Those of workflows: not the test's own, nor the store's, nor the fake model's."""
    ours = ("run-", "call-", "classic-", "Thread-", "asyncio_")
    serving = "process_request_thread"
    return {t for t in threading.enumerate() if t.name.startswith(ours) and serving not in t.name}


def waits(message: Seen) -> bool:
    return isinstance(message, TextInput)


@pytest.mark.parametrize("make", FORMS, ids=lambda make: make.__name__)
async def test_stopped_while_a_person_is_asked(make: Any, tmp_path: Path, server: OpenAIServer) -> None:
    before = threads()
    async with running(tmp_path / "runs.db", flow(make(server))) as engine:
        await start(engine)
        await watch(engine, until=waits)
        await _stopped(engine)
        await eventually(lambda: not threads() - before, timeout_s=5)


@pytest.mark.parametrize("make", FORMS, ids=lambda make: make.__name__)
async def test_stopped_in_the_middle_of_a_call(make: Any, tmp_path: Path, server: OpenAIServer) -> None:
    before = threads()
    server.behaviour.hang = 1
    async with running(tmp_path / "runs.db", flow(make(server))) as engine:
        await start(engine)
        await eventually(lambda: len(server.calls) == 1)
        await _stopped(engine)
        await eventually(lambda: not threads() - before, timeout_s=5)
    assert len(server.calls) == 1, "the client tried again"


@pytest.mark.parametrize("make", FORMS, ids=lambda make: make.__name__)
async def test_parked_while_a_person_is_asked(make: Any, tmp_path: Path, server: OpenAIServer) -> None:
    before = threads()
    async with running(tmp_path / "runs.db", flow(make(server)), warm_s=0.05) as engine:
        await start(engine)
        await watch(engine, until=waits)
        await eventually(lambda: not engine.driver.live and not threads() - before)
        assert (await engine.service.get(RUN_ID, None)).status is RunStatus.WAITING
        seen = await watch(engine, answer=lambda _question: "exit")
        assert seen[-1].type == "workflow_completed"
    assert len(server.calls) == 1


async def test_a_blocking_chat_on_the_loop_is_refused_in_words(
    tmp_path: Path, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def chat(ui: AsyncUI, params: dict[str, Any]) -> None:
        agent("student", server).initiate_chat(agent("teacher", server), message="hi", max_turns=1)

    async with running(tmp_path / "runs.db", flow(chat)) as engine:
        await start(engine)
        seen = await watch(engine)
    assert seen[-1].type == "workflow_failed"
    assert "a_initiate_chat" in caplog.text
    assert server.calls == []


async def _stopped(engine: Engine) -> None:
    record = await engine.service.cancel(RUN_ID, None)
    assert record.status is RunStatus.CANCELLED
