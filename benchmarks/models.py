"""Model clients: what one costs, and how long teams that are un-parked together hold the loop up.

Each figure beside that of the same work with clients of AutoGen's own, made as 1.0 made them: one to look the model up
with, and another to use.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ChatCompletionClient, ModelInfo
from autogen_ext.models.openai import OpenAIChatCompletionClient
from fastagency_backend import frameworks
from fastagency_backend.assembly import engine_for
from fastagency_backend.engine.engine import Engine
from fastagency_backend.frameworks.model_settings import ModelSettings, read_settings
from fastagency_backend.settings import BackendSettings
from fastagency_backend.workflow import AsyncUI, Workflow
from fastagency_shared.messages import new_uuid, parse_message
from fastagency_shared.run import InitiateRequest

from benchmarks.pause import longest_pause_s
from benchmarks.server import machine, percentile
from tests.fakes.openai_server import OpenAIServer

CLIENTS = 50
TEAMS = 60
AGENTS = 3
LEASE_S = 60.0
"""Long, so that a loop that is held up for many seconds does not lose its runs."""
INFO = ModelInfo(vision=False, function_calling=True, json_output=True, structured_output=False, family="unknown")

Make = Callable[[], ChatCompletionClient]


def as_1_0(settings: ModelSettings) -> ChatCompletionClient:
    options: dict[str, Any] = {"model": settings.name, "api_key": "k", "base_url": settings.base_url}
    try:
        OpenAIChatCompletionClient(**options)
    except ValueError:
        return OpenAIChatCompletionClient(**options, model_info=INFO)
    raise AssertionError("AutoGen knows this model")


def cost_s(make: Make) -> float:
    """CPU per client; the first one is not counted."""
    make()
    started = time.process_time()
    for _ in range(CLIENTS):
        make()
    return (time.process_time() - started) / CLIENTS


def workflows(make: Make) -> Workflow:
    wf = Workflow()

    @wf.register(name="team", description="A team that has spoken, asks, and is done with the answer")
    async def team(ui: AsyncUI, params: dict[str, Any]) -> str:
        agents = [AssistantAgent(f"agent_{n}", make()) for n in range(AGENTS)]
        chat = RoundRobinGroupChat(agents, termination_condition=MaxMessageTermination(AGENTS + 1))  # type: ignore[arg-type]
        await ui.process(chat.run_stream(task="Say something."))
        return await ui.text_input(prompt="Enough?")

    return wf


async def until_it_is(engine: Engine, run_id: str, status: str) -> None:
    while (await engine.service.get(run_id, None)).status != status:
        await asyncio.sleep(0.01)


async def unpark(make: Make) -> tuple[float, float, float]:
    """Answer all teams at once: the loop's longest pause, the seconds until all are done, and the CPU of it."""
    with tempfile.TemporaryDirectory(prefix="fastagency-bench-") as folder:
        settings = BackendSettings(database=Path(folder) / "runs.sqlite3", warm_s=0.05, lease_s=LEASE_S)
        engine = engine_for(workflows(make).specs, settings)
        await engine.start()
        ids = [new_uuid() for _ in range(TEAMS)]
        for run_id in ids:
            await engine.service.create(InitiateRequest(workflow_name="team", workflow_uuid=run_id), None)
            await until_it_is(engine, run_id, "waiting")
        while engine.driver.live:
            await asyncio.sleep(0.02)
        asked = [parse_message((await engine.service.get(run_id, None)).questions[0]).uuid for run_id in ids]

        stop = asyncio.Event()
        watch = asyncio.create_task(longest_pause_s(stop))
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(
            *(engine.service.answer(run_id, None, uuid, "yes") for run_id, uuid in zip(ids, asked, strict=True))
        )
        for run_id in ids:
            await until_it_is(engine, run_id, "completed")
        took, cpu = time.perf_counter() - started, time.process_time() - cpu
        stop.set()
        pause = await watch
        await engine.stop()
        return pause, took, cpu


async def main() -> None:
    logging.disable(logging.INFO)
    print(machine())
    frameworks.prepare()
    with OpenAIServer() as server:
        os.environ |= {"FASTAGENCY_MODEL_NAME": "house-model", "FASTAGENCY_MODEL_BASE_URL": server.base_url}
        settings = read_settings()
        kinds: dict[str, Make] = {
            "as in 1.0": lambda: as_1_0(settings),
            "as it is": frameworks.model_client,
        }
        for name, make in kinds.items():
            print(f"a model client, {name}: {percentile([cost_s(make) for _ in range(3)], 0.5) * 1e3:.2f} ms of CPU")
        for name, make in kinds.items():
            pause, took, cpu = await unpark(make)
            print(
                f"{TEAMS} teams of {AGENTS} un-parked at once, {name}: longest pause of the loop {pause * 1e3:.0f} ms, "
                f"all done after {took:.2f} s, {cpu:.2f} s of CPU",
                flush=True,
            )


if __name__ == "__main__":
    asyncio.run(main())
