"""A process with a team of two agents in it: `park` brings runs to their question, `answer` brings them back.

It prints JSON. The model is the offline one, and the loop is the process's own, so that what holds it up can be seen.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from fastagency_backend import frameworks
from fastagency_backend.assembly import engine_for
from fastagency_backend.engine.engine import Engine
from fastagency_backend.settings import BackendSettings
from fastagency_backend.store.base import StoredEvent
from fastagency_backend.workflow import AsyncUI, Workflow
from fastagency_shared.messages import parse_message
from fastagency_shared.run import InitiateRequest

from benchmarks.pause import longest_pause_s

WARM_S = 0.05
SETTLED_S = 0.5

wf = Workflow()


@wf.register(name="team", description="A long conversation of two agents, a question, and what is said then")
async def team(ui: AsyncUI, params: dict[str, Any]) -> str:
    agents = [AssistantAgent(name, model_client=ui.model_client()) for name in ("writer", "critic")]
    ended = MaxMessageTermination(params["steps"] + 1)  # with the task
    chat = RoundRobinGroupChat(agents, termination_condition=ended)  # type: ignore[arg-type]
    await ui.process(chat.run_stream(task="The sea."))
    said = await ui.text_input(sender="desk", prompt="Enough?")
    await ui.text_message(sender="desk", body=said)
    return "done"


async def park(engine: Engine, count: int, steps: int) -> list[str]:
    """The ids of so many runs that wait and have left memory."""
    ids = []
    for _ in range(count):
        run = await engine.service.create(InitiateRequest(workflow_name="team", params={"steps": steps}), None)
        while not (await engine.service.get(run.id, None)).questions or engine.driver.live:
            await asyncio.sleep(WARM_S)
        ids.append(run.id)
    return ids


async def answer(engine: Engine, run_id: str) -> tuple[float, float]:
    """Seconds until the workflow says something again, and the longest pause of the loop in that time."""
    record = await engine.service.get(run_id, None)
    question = parse_message(record.questions[0]).uuid
    stop = asyncio.Event()
    watch = asyncio.create_task(longest_pause_s(stop))
    async with aclosing(engine.service.readers.watch(run_id, after=record.last_seq, beat_s=60)) as batches:
        started = time.perf_counter()
        await engine.service.answer(run_id, None, question, "yes")
        async for batch in batches:
            if any(isinstance(item, StoredEvent) and '"text_message"' in item.body for item in batch):
                took_s = time.perf_counter() - started
                stop.set()
                return took_s, await watch
    raise RuntimeError("The run ended without another word.")


async def main(database: str, job: str, *given: str) -> None:
    frameworks.prepare()
    engine = engine_for(wf.specs, BackendSettings(database=Path(database), database_synchronous="FULL", warm_s=WARM_S))
    await engine.start()
    await asyncio.sleep(SETTLED_S)
    if job == "park":
        print(json.dumps(await park(engine, *map(int, given))))
    else:
        print(json.dumps([await answer(engine, run_id) for run_id in given]))
    await engine.stop()


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # that no model is configured
    asyncio.run(main(*sys.argv[1:]))
