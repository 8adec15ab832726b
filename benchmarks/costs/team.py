"""A team of two agents that has left memory and is brought back by an answer: all it said is replayed first.

In this process, so that what holds its event loop up can be seen. The model is the offline one.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

from fastagency_backend.assembly import engine_for
from fastagency_backend.engine.engine import Engine
from fastagency_backend.settings import BackendSettings
from fastagency_backend.store.base import StoredEvent
from fastagency_backend.workflow import AsyncUI, Workflow
from fastagency_shared.messages import parse_message
from fastagency_shared.run import InitiateRequest

from benchmarks.costs.figure import Figure, Row
from benchmarks.costs.peers import Extent
from benchmarks.pause import longest_pause_s

TEAM = Row("team", "a parked AgentChat team of two (40 steps) brought back", "s", judged="ours", least=0.05, aim=0.02)
HELD = Row("team-held", "the same: longest pause of the loop", "s", judged="ours", least=0.05, aim=0.02)
STEPS = 40
WARM_S = 0.05

wf = Workflow()


@wf.register(name="team", description="A long conversation of two agents, a question, and what is said then")
async def team(ui: AsyncUI, params: dict[str, Any]) -> str:
    from autogen_agentchat.agents import AssistantAgent
    from autogen_agentchat.conditions import MaxMessageTermination
    from autogen_agentchat.teams import RoundRobinGroupChat

    agents = [AssistantAgent(name, model_client=ui.model_client()) for name in ("writer", "critic")]
    ended = MaxMessageTermination(params["steps"] + 1)  # with the task
    chat = RoundRobinGroupChat(agents, termination_condition=ended)  # type: ignore[arg-type]
    await ui.process(chat.run_stream(task="The sea."))
    said = await ui.text_input(sender="desk", prompt="Enough?")
    await ui.text_message(sender="desk", body=said)
    return "done"


async def brought_back(extent: Extent) -> list[Figure]:
    logging.disable(logging.WARNING)  # that no model is configured
    waits, pauses = [], []
    with tempfile.TemporaryDirectory(prefix="fastagency-bench-") as folder:
        database = Path(folder) / "runs.sqlite3"
        settings = BackendSettings(database=database, database_synchronous="FULL", warm_s=WARM_S)
        engine = engine_for(wf.specs, settings)
        await engine.start()
        try:
            parked = [await _park(engine, extent.of(STEPS, 4)) for _ in range(extent.rounds)]
            for run_id, question, seq in parked:
                stop = asyncio.Event()
                watch = asyncio.create_task(longest_pause_s(stop))
                waits.append(await _answer(engine, run_id, question, seq))
                stop.set()
                pauses.append(await watch)
        finally:
            await engine.stop()
            logging.disable(logging.NOTSET)
    return [Figure(TEAM, waits), Figure(HELD, pauses)]


async def _park(engine: Engine, steps: int) -> tuple[str, str, int]:
    """A run that waits and has left memory: its id, that of its question, and the number of its last message."""
    run = await engine.service.create(InitiateRequest(workflow_name="team", params={"steps": steps}), None)
    while True:
        record = await engine.service.get(run.id, None)
        if record.questions and not engine.driver.live:
            return run.id, parse_message(record.questions[0]).uuid, record.last_seq
        await asyncio.sleep(WARM_S)


async def _answer(engine: Engine, run_id: str, question: str, seq: int) -> float:
    """Seconds until the workflow says something again."""
    async with aclosing(engine.service.readers.watch(run_id, after=seq, beat_s=60)) as batches:
        started = time.perf_counter()
        await engine.service.answer(run_id, None, question, "yes")
        async for batch in batches:
            for item in batch:
                if isinstance(item, StoredEvent) and '"text_message"' in item.body:
                    return time.perf_counter() - started
    raise RuntimeError("The run ended without another word.")
