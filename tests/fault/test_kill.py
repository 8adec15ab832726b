"""kill -9 at seeded random moments: every run goes on by itself, nothing is lost, doubled or paid for twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastagency_frontend.client import FastAPIProvider
from fastagency_frontend.client.backoff import Patience
from fastagency_shared.errors import AlreadyAnswered, BackendError
from fastagency_shared.messages import LoggedMessage

from tests.databases import Database, select, wait_until_unused
from tests.e2e.process import Process, free_port
from tests.fakes.openai_server import finished_twice

KILLS = 8
"""In each of the four scenarios."""
SEED = 20261122
KILLED_WORKERS = 4
SAME_BEGINNINGS = 8
CALLS_AT_ONCE = {"tool": 1, "person": 1, "graph": 4, "thread": 1}


class Model:
    """The fake model in a process of its own, which outlives the backend; it notes each call."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "calls.jsonl"
        self.log.touch()
        command = [sys.executable, "-m", "tests.fakes.openai_server", "--log", str(self.log), "--delay", "0.1"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdout is not None
        self.base_url = self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def asked(self, phase: str) -> list[str]:
        """What was asked, call by call: those that began, or those that were answered to the last byte."""
        entries = [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]
        return [entry["asked"] for entry in entries if entry["phase"] == phase]


class Client:
    """A person at the provider client: follows a run through every outage and answers what is asked."""

    def __init__(self, provider: FastAPIProvider, run_id: str) -> None:
        self.messages: list[LoggedMessage] = []
        self.failure: BaseException | None = None
        self._provider, self._run_id = provider, run_id
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)
        assert self.ended, f"the run did not end; last: {self.messages[-3:]}"
        if self.failure is not None:
            raise self.failure

    def _main(self) -> None:
        try:
            for message in self._provider.follow(self._run_id):
                if message is None or message.seq is None:
                    continue
                self.messages.append(message)  # type: ignore[arg-type]
                if message.is_question:
                    self._answer(message.uuid)
        except BaseException as error:
            self.failure = error

    def _answer(self, question: str) -> None:
        while True:
            try:
                self._provider.answer(self._run_id, question, "Go on, please.")
            except AlreadyAnswered:  # it was recorded, and the reply was lost with the backend
                return
            except BackendError:
                time.sleep(0.05)
            else:
                return


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    model = Model(tmp_path)
    yield model
    model.close()


def environment(database: Database, model: Model) -> dict[str, str]:
    return {
        "FASTAGENCY_WORKFLOWS": "tests.fault.workflows:wf",
        "FASTAGENCY_DATABASE": str(database),
        "FASTAGENCY_LEASE_S": "0.5",
        "FASTAGENCY_WARM_S": "0.5",
        "FASTAGENCY_MAX_ATTEMPTS": "1000",  # here it is the test that takes the processes down
        "FASTAGENCY_MODEL_NAME": "fake",
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "sk-fake",
        "COVERAGE_PROCESS_START": "",  # not measured: the lease is short, and a kill takes the measurement with it
    }


@pytest.fixture
def backend(tmp_path: Path, either_database: Database, model: Model) -> Iterator[Process]:
    arguments = ["-m", "uvicorn", "fastagency_backend.main:app", "--port", "{port}"]
    settings = environment(either_database, model)
    process = Process(arguments, "/fastagency/discovery", settings, tmp_path / "backend.log", free_port())
    process.start()
    yield process
    process.kill()


@pytest.fixture
def provider(backend: Process) -> Iterator[FastAPIProvider]:
    provider = FastAPIProvider(backend.url, patience=Patience(give_up_s=600, cap_s=0.5))
    yield provider
    provider.close()


def shape(messages: list[LoggedMessage]) -> Counter[tuple[str, str | None]]:
    """What was said by whom, without the random words."""
    return Counter((message.type, message.sender) for message in messages)


def recorded(database: Database) -> int:
    ((count,),) = select(database, "SELECT count(*) FROM step WHERE key LIKE 'llm:%'")
    return int(count)


@pytest.mark.fault
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", CALLS_AT_ONCE)
def test_killed_again_and_again(
    scenario: str, backend: Process, model: Model, provider: FastAPIProvider, either_database: Database
) -> None:
    undisturbed = Client(provider, provider.start(scenario, {}).workflow_uuid)
    undisturbed.join(60)
    calls = len(model.asked("end"))
    assert len(model.asked("begin")) == calls == recorded(either_database)

    chance = random.Random(f"{SEED}{scenario}")
    kills, lost, runs = 0, 0, 0
    while kills < KILLS:
        runs += 1
        client = Client(provider, provider.start(scenario, {}).workflow_uuid)
        while kills < KILLS and not client.ended:
            time.sleep(chance.uniform(0.05, 1.2))
            backend.kill()
            wait_until_unused(either_database)
            kills += 1
            paid = model.asked("end")
            newly_lost = len(paid) - recorded(either_database) - lost
            assert 0 <= newly_lost <= CALLS_AT_ONCE[scenario], "only a call in flight at the kill may be unrecorded"
            lost += newly_lost
            backend.start()
        client.join(90)

        assert [message.seq for message in client.messages] == list(range(1, len(client.messages) + 1))
        assert len({message.uuid for message in client.messages}) == len(client.messages)
        assert shape(client.messages) == shape(undisturbed.messages)
        assert client.messages == provider.messages(client.messages[0].workflow_uuid, limit=500).messages
        assert client.messages[-1].type == "workflow_completed"

    finished = len(model.asked("end"))
    assert finished - lost == recorded(either_database) == calls * (runs + 1), "a finished call was made again"
    print(
        f"{scenario}: {kills} kills, {runs} runs, {finished} calls finished, {lost} of them cut off before the commit"
    )


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_sigterm_hands_over_within_seconds(backend: Process, provider: FastAPIProvider, model: Model) -> None:
    client = Client(provider, provider.start("graph", {}).workflow_uuid)
    while len(model.asked("begin")) < 3:
        time.sleep(0.01)
    began = time.monotonic()
    backend.stop()
    took = time.monotonic() - began
    assert httpx.get(f"{model.base_url}/models").status_code in (404, 501)  # the model is still there
    backend.start()
    client.join(60)
    assert client.messages[-1].type == "workflow_completed"
    print(f"the backend stopped after {took:.2f} s")


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_parked_through_a_restart(backend: Process, provider: FastAPIProvider) -> None:
    """A person takes long: the run is parked, the backend is killed, and the answer still counts."""
    run_id = provider.start("thread", {}).workflow_uuid
    while not provider.run(run_id).questions:
        time.sleep(0.02)
    time.sleep(1.5)
    backend.kill()
    backend.start()
    (question,) = provider.run(run_id).questions
    provider.answer(run_id, question.uuid, "Here I am.")
    while len(provider.run(run_id).questions) != 1 or provider.run(run_id).questions[0].uuid == question.uuid:
        time.sleep(0.02)
    bodies = [message.body for message in provider.messages(run_id).messages if message.type == "text_message"]
    assert "turn 0 heard Here I am." in bodies


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.fault
@pytest.mark.timeout(300)
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers in /proc, which only Linux has")
def test_workers_on_one_machine(tmp_path: Path, either_database: Database, model: Model) -> None:
    """`uvicorn --workers 3`: any worker serves any client, and a worker's runs outlive it."""
    backend = Process(
        ["-m", "uvicorn", "fastagency_backend.main:app", "--workers", "3", "--port", "{port}"],
        "/fastagency/discovery",
        environment(either_database, model),
        tmp_path / "backend.log",
        free_port(),
    )
    backend.start()
    chance = random.Random(SEED)
    provider = FastAPIProvider(backend.url, patience=Patience(give_up_s=600, cap_s=0.5))
    try:
        names = [name for name in CALLS_AT_ONCE for _ in range(2)]
        clients = [Client(provider, provider.start(name, {}).workflow_uuid) for name in names]
        for _ in range(KILLED_WORKERS):
            time.sleep(chance.uniform(0.3, 1.5))
            workers = children(backend.pid)[1:]  # the first is the supervisor's resource tracker
            os.kill(chance.choice(workers), signal.SIGKILL)
        for client in clients:
            client.join(120)
            assert client.messages[-1].type == "workflow_completed"
            assert [message.seq for message in client.messages] == list(range(1, len(client.messages) + 1))
            assert client.messages == provider.messages(client.messages[0].workflow_uuid, limit=500).messages
    finally:
        provider.close()
        backend.kill()
    # Runs of one workflow begin with the same questions; what follows is random, so that a repeated call shows.
    assert len(finished_twice(model.log)) <= SAME_BEGINNINGS + KILLED_WORKERS
