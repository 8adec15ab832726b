"""Before a deploy: `fastagency replay --check` over 10,000 parked runs, half of them with a team of agents."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from fastagency_backend.engine.engine import Engine, EngineSettings
from fastagency_backend.store import SqliteStore
from fastagency_backend.workflow import UI, AsyncUI, Workflow
from fastagency_shared.messages import parse_message
from fastagency_shared.run import InitiateRequest, RunStatus

from benchmarks.server import machine

RUNS = 10_000
AT_ONCE = 100

wf = Workflow()


def price(town: str, number: int) -> int:
    return len(town) * number


@wf.register("booking", "A form of two pages with five calls between them, in a thread")
def booking(ui: UI, params: dict[str, Any]) -> str:
    town = ui.text_input(sender="desk", prompt="Where to?")
    for number in range(5):
        ui.text_message(sender="desk", body=f"{ui.step(price, town, number)} euros")
    return ui.text_input(sender="desk", prompt="Shall we book it?")


@wf.register("team", "A question, six turns of two agents, and a question")
async def team(ui: AsyncUI, params: dict[str, Any]) -> str:
    subject = await ui.text_input(sender="desk", prompt="What about?")
    agents = [AssistantAgent(name, model_client=ui.model_client()) for name in ("writer", "critic")]
    chat = RoundRobinGroupChat(agents, termination_condition=MaxMessageTermination(7))  # type: ignore[arg-type]
    await ui.process(chat.run_stream(task=subject))
    return await ui.text_input(sender="desk", prompt="Is that good?")


changed = Workflow()
changed.register("team", "As it was")(team)


@changed.register("booking", "One of the calls is gone")
def without_a_call(ui: UI, params: dict[str, Any]) -> str:
    town = ui.text_input(sender="desk", prompt="Where to?")
    for number in range(5):
        cost = ui.step(price, town, number) if number != 1 else len(town)
        ui.text_message(sender="desk", body=f"{cost} euros")
    return ui.text_input(sender="desk", prompt="Shall we book it?")


async def park(database: Path, count: int) -> None:
    """Bring so many runs to their second question, and let them leave memory."""
    engine = Engine(SqliteStore(database, synchronous="OFF"), wf.specs, EngineSettings(warm_s=0.0))
    await engine.start()
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            name = ("booking", "team")[number % 2]
            run = await engine.service.create(InitiateRequest(workflow_name=name), None)
            first = await asked(run.id)
            await engine.service.answer(run.id, None, first, "Rome")
            await asked(run.id, first)

    async def asked(run_id: str, first: str = "") -> str:
        while True:
            record = await engine.service.get(run_id, None)
            if record.status is RunStatus.WAITING:
                questions = [parse_message(body) for body in record.questions]
                if questions and (questions[0].uuid != first):
                    return questions[0].uuid
            await asyncio.sleep(0.02)

    await asyncio.gather(*(one(number) for number in range(count)))
    await engine.stop()


def check(database: Path, code: str, count: int) -> None:
    settings = {"FASTAGENCY_DATABASE": str(database), "FASTAGENCY_WORKFLOWS": f"benchmarks.deploys:{code}"}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "fastagency", "replay", "--check", "--json"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    took = time.perf_counter() - started
    found = json.loads(done.stdout)
    print(f"{code:8} {took:6.1f} s, {took / count * 1e3:.1f} ms each: {found['kinds']}, exit code {done.returncode}")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    print(machine())
    logging.disable(logging.WARNING)  # that no model is configured
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "runs.sqlite3"
        asyncio.run(park(database, count))
        print(f"{count} parked runs, {database.stat().st_size / 2**20:.0f} MiB")
        check(database, "wf", count)
        check(database, "changed", count)


if __name__ == "__main__":
    main()
