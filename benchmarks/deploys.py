"""Before a deploy: `fastagency replay --check` over 10,000 parked runs, half of them with a team of agents."""

from __future__ import annotations

import asyncio
import json
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


async def park(database: Path, count: int) -> None:
    """Bring so many runs to their second question, and let them leave memory."""
    engine = Engine(SqliteStore(database, synchronous="OFF"), wf.specs, EngineSettings(warm_s=0.0))
    await engine.start()
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with slots:
            name = ("booking", "team")[number % 2]
            run = await engine.service.create(InitiateRequest(workflow_name=name), None)
            await engine.service.answer(run.id, None, await asked(run.id, 1), "Rome")
            await asked(run.id, 2)

    async def asked(run_id: str, nth: int) -> str:
        while True:
            record = await engine.service.get(run_id, None)
            if record.status is RunStatus.WAITING and record.last_seq > nth:
                for body in record.questions:
                    if ("?" in body) and ((nth == 1) == ("Where to?" in body or "What about?" in body)):
                        return parse_message(body).uuid
            await asyncio.sleep(0.02)

    await asyncio.gather(*(one(number) for number in range(count)))
    await engine.stop()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "runs.sqlite3"
        asyncio.run(park(database, count))
        settings = {"FASTAGENCY_DATABASE": str(database), "FASTAGENCY_WORKFLOWS": "benchmarks.deploys:wf"}
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
        size = database.stat().st_size / 2**20
    print(f"{found['replayed']} parked runs ({size:.0f} MiB): {took:.1f} s, {took / count * 1e3:.1f} ms each")
    print(f"verdicts: {found['kinds']}, exit code {done.returncode}")


if __name__ == "__main__":
    main()
