"""Metrics, on a path and on a port of their own: off unless asked for, and true of what the runs did."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_core import FunctionCall
from fastagency_backend import observe
from fastagency_backend.assembly import engine_for
from fastagency_backend.engine.engine import Engine
from fastagency_backend.engine.view import run_info
from fastagency_backend.settings import BackendSettings
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import AsyncUI, Workflow
from fastagency_shared.run import InitiateRequest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.lab import run_id, until
from tests.integration.guide_process import free_port
from tests.integration.server import Client, serve, workflows
from tests.integration.test_agentchat_record import Model


def numbers(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def settings(folder: Path, **more: Any) -> BackendSettings:
    return BackendSettings(database=folder / "runs.sqlite3", database_synchronous="NORMAL", warm_s=600, **more)


def app(folder: Path, **more: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(FastAPIAdapter(provider=workflows(), settings=settings(folder, **more)).router)
    return app


async def test_they_are_off_by_default(tmp_path: Path) -> None:
    with serve(app(tmp_path)) as url:
        assert httpx.get(f"{url}/metrics").status_code == 404


async def test_a_path_of_the_application(tmp_path: Path) -> None:
    with serve(app(tmp_path, metrics_path="/metrics")) as url:
        async with Client(url) as client:
            run = await client.start("talk")
            await client.status(run, "waiting")
            await client.status(await client.start("fail"), "failed")
        answer = httpx.get(f"{url}/metrics")
    found = numbers(answer.text)
    assert answer.headers["content-type"].startswith("text/plain")
    assert found["fastagency_runs", (("status", "waiting"),)] == 1
    assert found["fastagency_runs", (("status", "failed"),)] == 1
    assert found["fastagency_runs", (("status", "completed"),)] == 0
    assert found["fastagency_open_questions", ()] == 1
    assert 0 < found["fastagency_oldest_open_question_seconds", ()] < 600
    assert found["fastagency_live_runs", ()] == 1
    assert found["fastagency_errors_total", (("kind", "error"), ("where", "workflow"))] == 1
    assert {"fastagency_parked_runs", "fastagency_loop_lag_seconds", "fastagency_store_queue"} <= {n for n, _ in found}


async def test_what_waits_for_a_worker_and_how_much_room_there_is(tmp_path: Path) -> None:
    """What a number of workers is reckoned from."""
    with serve(app(tmp_path, metrics_path="/metrics", max_live_runs=1)) as url:
        async with Client(url) as client:
            await client.status(await client.start("talk"), "waiting")
            assert (await client.info(await client.start("long")))["status"] == "ready"
            await client.start("long")
            await asyncio.sleep(0.05)
        found = numbers(httpx.get(f"{url}/metrics").text)
    assert (found["fastagency_live_runs", ()], found["fastagency_max_live_runs", ()]) == (1, 1)
    workflows_of = {labels[0][1]: value for (name, labels), value in found.items() if name == "fastagency_ready_runs"}
    assert (workflows_of["long"], workflows_of["talk"]) == (2, 0)
    assert 0.05 <= found["fastagency_oldest_ready_run_seconds", (("workflow", "long"),)] < 600
    assert found["fastagency_oldest_ready_run_seconds", (("workflow", "talk"),)] == 0


async def test_a_port_of_their_own(tmp_path: Path) -> None:
    port = free_port()
    with serve(app(tmp_path, metrics_port=port)) as url:
        assert httpx.get(f"{url}/metrics").status_code == 404
        assert "fastagency_runs" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


async def test_a_port_that_is_taken_does_not_keep_the_backend_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    (tmp_path / "a").mkdir()
    with serve(app(tmp_path / "a", metrics_port=port)), serve(app(tmp_path, metrics_port=port)) as url:
        assert httpx.get(f"{url}/fastagency/health").status_code == 200
    assert "FASTAGENCY_METRICS_PORT" in caplog.text


async def test_calls_tokens_and_steps_live_and_replayed(tmp_path: Path) -> None:
    wf = Workflow()

    def divide(a: int) -> float:
        """Divide by nothing."""
        return a / 0

    @wf.register(name="flow", description="d")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        model = Model([FunctionCall(id="c1", name="divide", arguments='{"a": 1}')], "sorry")
        agent = AssistantAgent("clerk", model, tools=[divide], reflect_on_tool_use=True)
        await ui.process(agent.run_stream(task="Divide"))
        return await ui.text_input(prompt="Well?")

    async def begin() -> Engine:
        engine = engine_for(wf.specs, settings(tmp_path, metrics_path="/metrics"))
        await engine.start()
        return engine

    async def read(engine: Engine) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        body, _ = await asyncio.to_thread(observe.exposition, engine.observer)
        return numbers(body.decode())

    async def asked() -> bool:
        return bool((await engine.service.get(run_id(), None)).questions)

    async def ended() -> bool:
        return (await engine.service.get(run_id(), None)).status.ended

    engine = await begin()
    await engine.service.create(InitiateRequest(workflow_name="flow", workflow_uuid=run_id()), None)
    await until(asked)
    found = await read(engine)
    await engine.stop()
    assert found["fastagency_tokens_total", (("model", "unknown"), ("type", "input"))] == 2
    assert found["fastagency_call_seconds_count", (("kind", "chat"),)] == 2
    assert found["fastagency_call_seconds_count", (("kind", "tool"),)] == 1
    assert found["fastagency_errors_total", (("kind", "raised"), ("where", "tool"))] == 1
    assert found["fastagency_steps_total", (("kind", "llm"), ("source", "live"))] == 2
    assert found["fastagency_commit_seconds_count", ()] == 3

    engine = await begin()
    (question,) = run_info(await engine.service.get(run_id(), None)).questions
    await engine.service.answer(run_id(), None, question.uuid, "well")
    await until(ended)
    found = await read(engine)
    await engine.stop()
    assert found["fastagency_steps_total", (("kind", "llm"), ("source", "replayed"))] == 2
    assert ("fastagency_call_seconds_count", (("kind", "chat"),)) not in found
    assert found["fastagency_replay_seconds_count", ()] == 1
    assert found["fastagency_steps_total", (("kind", "tool"), ("source", "replayed"))] == 1
