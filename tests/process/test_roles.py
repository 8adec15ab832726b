"""APIs and workers as processes of their own, on one file, and on servers: `fastagency api` and `fastagency worker`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from fastagency_frontend.client import FastAPIProvider
from fastagency_frontend.client.backoff import Patience
from fastagency_shared.messages import LoggedMessage
from fastagency_shared.provider import Caller

from tests.e2e.process import Process, free_port
from tests.fakes.lab import DEADLINE_S
from tests.integration.server import Client, Frame
from tests.nats import NatsServer

WORKFLOWS = """
import asyncio, os, sys
from pathlib import Path
from fastagency import AsyncUI, Workflow

wf = Workflow()

async def paid(run: str, number: int) -> int:
    with Path("paid").open("a") as file:
        file.write(f"{run} {number} {os.getpid()}\\n")
    await asyncio.sleep(0.05)
    return number

@wf.register(name="work", description="Pays, asks, pays")
async def work(ui: AsyncUI, params: dict) -> str:
    for number in range(params["steps"]):
        await ui.step(paid, params["name"], number)
        await ui.text_message(body=f"step {number}")
    said = await ui.text_input(prompt="well?")
    return f"{said} {await ui.step(paid, params['name'], -1)}"
"""
WHO = '''
import sys
from pathlib import Path
from typing import Annotated
from fastapi import Header, HTTPException

def user(token: Annotated[str | None, Header()] = None) -> str:
    """Who calls; and what this very process has imported."""
    if token is None:
        raise HTTPException(401, "Please sign in.")
    Path("modules").write_text("\\n".join(sys.modules))
    return token
'''
ANNA = {"token": "anna"}
HEALTH = "/fastagency/health"

Start = Callable[..., Process]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "at_work.py").write_text(WORKFLOWS)
    (tmp_path / "who.py").write_text(WHO)
    return tmp_path


@pytest.fixture
def on_a_file(folder: Path) -> dict[str, str]:
    return {"FASTAGENCY_DATABASE": f"sqlite:///{folder}/runs.sqlite3"}


@pytest.fixture
def on_servers(postgres_url: str) -> Iterator[dict[str, str]]:
    """PostgreSQL, and NATS for the signals."""
    nats = NatsServer()
    nats.start()
    yield {"FASTAGENCY_DATABASE": postgres_url, "FASTAGENCY_SIGNALS": nats.url}
    nats.stop()


on_both = pytest.mark.parametrize("service", ["on_a_file", "on_servers"])


@pytest.fixture
def service() -> str:
    return "on_a_file"


@pytest.fixture
def start(folder: Path, service: str, request: pytest.FixtureRequest) -> Iterator[Start]:
    database: dict[str, str] = request.getfixturevalue(service)
    started: list[Process] = []

    def start_one(command: str, **settings: str) -> Process:
        port = free_port()
        kind = "BACKEND" if command == "api" else "WORKER"
        environment = {
            **database,
            "FASTAGENCY_LEASE_S": "0.5",
            "FASTAGENCY_GET_USER_ID": "who:user",
            f"FASTAGENCY_{kind}_PORT": str(port),
            "COVERAGE_PROCESS_START": "",  # not measured: the leases are short
            **({"FASTAGENCY_WORKFLOWS": "at_work:wf"} if command == "worker" else {}),
            **settings,
        }
        log = folder / f"{command}-{port}.log"
        process = Process(["-m", "fastagency", command], HEALTH, environment, log, port, folder=folder)
        process.start()
        started.append(process)
        return process

    yield start_one
    for process in started:
        process.kill()


def payments(folder: Path) -> list[tuple[str, int, int]]:
    """Each step that was carried out: whose, which, and by which process."""
    lines = (folder / "paid").read_text().splitlines() if (folder / "paid").exists() else []
    return [(name, int(number), int(pid)) for name, number, pid in map(str.split, lines)]


class Follower:
    """A person who follows a run in a thread, through restarts, and answers what is asked at another address."""

    def __init__(self, url: str, answers_at: str, name: str, *, steps: int) -> None:
        self.messages: list[LoggedMessage] = []
        patience = Patience(give_up_s=DEADLINE_S, cap_s=0.2)
        self._caller = Caller(headers=ANNA)
        self._provider, self._other = (FastAPIProvider(each, patience=patience) for each in (url, answers_at))
        params = {"name": name, "steps": steps}
        self.run_id = self._provider.start("work", params, caller=self._caller).workflow_uuid
        self._thread = Thread(target=self._follow, daemon=True)
        self._thread.start()

    def done(self) -> list[str]:
        """Wait for the run's end; the types of all messages."""
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive(), self.messages[-3:]
        self._provider.close()
        self._other.close()
        assert [message.seq for message in self.messages] == list(range(1, len(self.messages) + 1))
        return [message.type for message in self.messages]

    def _follow(self) -> None:
        for message in self._provider.follow(self.run_id, caller=self._caller):
            if message is None or message.seq is None:
                continue
            self.messages.append(message)  # type: ignore[arg-type]
            if message.is_question:
                self._other.answer(self.run_id, message.uuid, "fine", caller=self._caller)


def waited_for(condition: Callable[[], Any], process: Process) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, process.log
        time.sleep(0.01)
    return found


@on_both
async def test_an_api_serves_what_a_worker_drives_and_has_none_of_its_code(start: Start, folder: Path) -> None:
    api, other = start("api"), start("api")
    assert httpx.get(f"{api.url}/fastagency/discovery").status_code == 401
    assert httpx.get(f"{api.url}/fastagency/discovery", headers=ANNA).json() == []
    worker = start("worker", FASTAGENCY_METRICS_PATH="/metrics")
    async with Client(api.url, headers=ANNA) as client, Client(other.url, headers=ANNA) as elsewhere:
        run: Frame = await client.start("work", name="a", steps=2)
        assert run["user_id"] == "anna"
        async with elsewhere.v2({**run, "after": 0}) as socket:
            question = await socket.until("text_input")
            answer = {"question": question["uuid"], "value": "fine"}
            assert (await client.http.post(f"/runs/{run['workflow_uuid']}/answers", json=answer)).status_code == 204
            await socket.rest()
            assert socket.logged[-1]["content"] == {"result": "fine -1"}
        while [each["name"] for each in (await elsewhere.http.get("/discovery")).json()] != ["work"]:
            await asyncio.sleep(0.1)  # it is read every few seconds
    modules = set((folder / "modules").read_text().split())
    assert {"fastagency_backend.api", "who"} <= modules
    assert not modules & {
        "at_work",
        "fastagency_backend.demo",
        "autogen",
        "autogen_core",
        "autogen_agentchat",
        "openai",
    }
    assert "fastagency_max_live_runs 5000" in httpx.get(f"{worker.url}/metrics").text
    assert httpx.get(f"{worker.url}/").status_code == 404
    assert {pid for *_, pid in payments(folder)} == {worker.pid}


@pytest.mark.fault
@on_both
def test_a_worker_is_killed_and_another_goes_on(start: Start, folder: Path) -> None:
    api = start("api")
    workers = {process.pid: process for process in (start("worker"), start("worker"))}
    follower = Follower(api.url, api.url, "a", steps=30)
    *_, pid = waited_for(lambda: payments(folder)[5:], api)[-1]
    workers[pid].kill()
    assert follower.done()[-1] == "workflow_completed"
    paid = payments(folder)
    assert {pid for *_, pid in paid} == set(workers)
    repeated = len(paid) - len({number for _, number, _ in paid})
    assert repeated <= 1, "only a call in flight may be made again"
    assert {number for _, number, _ in paid} == {*range(30), -1}


@pytest.mark.fault
@on_both
def test_everything_is_restarted_one_after_the_other_while_people_talk(start: Start, folder: Path) -> None:
    api, stays = start("api"), start("api")
    workers = [start("worker"), start("worker")]
    followers = [Follower(api.url, stays.url, f"run{number}", steps=20) for number in range(4)]
    for worker in workers:
        waited_for(lambda: payments(folder), api)
        os.kill(worker.pid, signal.SIGTERM)
        assert worker.wait(DEADLINE_S) == 0
        start("worker")
    api.stop()
    api.start()
    for follower in followers:
        kinds = follower.done()
        assert kinds[-1] == "workflow_completed"
        assert kinds.count("text_message") == 20
    steps = {(name, number) for name, number, _ in payments(folder)}
    assert steps == {(f"run{run}", number) for run in range(4) for number in (*range(20), -1)}


def test_a_worker_whose_database_is_gone_ends_so_that_it_is_started_again(start: Start, folder: Path) -> None:
    worker = start("worker")
    (folder / "runs.sqlite3").unlink()
    assert worker.wait(DEADLINE_S) == 1
    assert "The worker cannot go on. The database" in worker.log


def test_where_migrating_is_off_it_is_done_by_its_command_alone(start: Start, folder: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FASTAGENCY_")}
    settings = {"FASTAGENCY_DATABASE": "runs.sqlite3", "FASTAGENCY_MIGRATE": "0", "FASTAGENCY_WORKFLOWS": "at_work:wf"}

    def run(command: str) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-m", "fastagency", command]
        return subprocess.run(arguments, cwd=folder, env=clean | settings, capture_output=True, text=True)

    refused = run("worker")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].startswith(
        "fastagency: There is no database runs.sqlite3. Run `fastagency m"
    )
    assert not (folder / "runs.sqlite3").exists()
    migrated = run("migrate")
    assert (migrated.returncode, migrated.stdout) == (0, "runs.sqlite3 is up to date.\n"), migrated.stderr
    start("worker", FASTAGENCY_MIGRATE="0")
