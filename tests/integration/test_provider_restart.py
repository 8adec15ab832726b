"""A backend that goes away and comes back under the provider's feet: the conversation goes on without a gap."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastagency_frontend.client import FastAPIProvider, Patience
from fastagency_shared.errors import BackendUnreachable
from fastagency_shared.messages import WorkflowCompleted
from fastagency_shared.provider import Caller

from tests.databases import Database

REPOSITORY = Path(__file__).parents[2]
ANN = Caller("ann")


class Backend:
    """`uvicorn fastagency_backend.main:app` on one port and one database, started as often as needed."""

    def __init__(self, folder: Path, database: Database) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder, self._database = folder, database
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "FASTAGENCY_DATABASE": str(self._database),
            "FASTAGENCY_WORKFLOWS": "tests.contract.served:wf",
        }
        command = [sys.executable, "-m", "uvicorn", "fastagency_backend.main:app", "--port", str(self.port)]
        with (self._folder / "backend.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._folder, env=environment, stdout=log, stderr=log)

    def stop(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None


@pytest.fixture
def backend(tmp_path: Path, database: Database) -> Iterator[Backend]:
    backend = Backend(tmp_path, database)
    backend.start()
    yield backend
    backend.stop(signal.SIGKILL)


def when_up(provider: FastAPIProvider, attempts: int = 300) -> None:
    """Wait until the backend answers."""
    for _ in range(attempts):
        try:
            assert provider.names
        except BackendUnreachable:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the backend did not come up")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_follower_goes_on_where_it_was(backend: Backend, how: signal.Signals) -> None:
    provider = FastAPIProvider(backend.url, patience=Patience(base_s=0.05, cap_s=0.3))
    when_up(provider)
    run = provider.start("choose", {}, caller=ANN)
    seqs: list[int] = []
    questions: list[str] = []
    for message in provider.follow(run.workflow_uuid, beat_s=0.2, caller=ANN):
        if message is None or message.seq is None:
            continue
        seqs.append(message.seq)
        if message.is_question:
            questions.append(message.uuid)
            if len(questions) == 1:
                # It waits for a person: the backend goes, and comes back with the question still open.
                backend.stop(how)
                backend.start()
                when_up(provider)
            provider.answer(run.workflow_uuid, message.uuid, ["Red"], caller=ANN)
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(questions) == 2
    assert isinstance(message, WorkflowCompleted)
    assert message.result == "Red / Red"
    provider.close()
