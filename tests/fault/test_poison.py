"""Workflows that take their process down: it is started again, and everybody else goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastagency_frontend.client import FastAPIProvider
from fastagency_frontend.client.backoff import Patience
from fastagency_shared.errors import BackendError
from fastagency_shared.messages import new_uuid
from fastagency_shared.run import RunInfo, RunStatus

from tests.databases import Database
from tests.fault import poison
from tests.fault.conftest import sqlite_only
from tests.fault.supervised import Supervised

DEADLINE_S = 240.0


def until(condition: Callable[[], Any], what: str, backend: Supervised) -> Any:
    """Wait through every outage for something to become true."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except BackendError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what}\n{backend.log[-8000:]}")


def begun(provider: FastAPIProvider, name: str, params: dict[str, Any], backend: Supervised) -> str:
    """Start a run that may end the process before the reply has come: the same request again is the same run."""
    run = new_uuid()
    until(lambda: provider.start(name, params, run_id=run), f"{name} does not start", backend)
    return run


@pytest.fixture
def backend(tmp_path: Path, either_database: Database) -> Iterator[Supervised]:
    backend = Supervised("tests.fault.poison:wf", tmp_path, FASTAGENCY_DATABASE=str(either_database))
    yield backend
    backend.close()


@pytest.fixture
def provider(backend: Supervised) -> Iterator[FastAPIProvider]:
    provider = FastAPIProvider(backend.url, patience=Patience(give_up_s=DEADLINE_S, cap_s=0.5))
    until(lambda: backend.answers, "the backend does not start", backend)
    yield provider
    provider.close()


def texts(provider: FastAPIProvider, run: str) -> list[str]:
    messages = provider.messages(run, limit=500).messages
    return [message.body for message in messages if message.type == "text_message"]


def ended(provider: FastAPIProvider, run: str) -> RunInfo | None:
    info = provider.run(run)
    return info if info.status.ended else None


@pytest.mark.fault
@pytest.mark.timeout(300)
@sqlite_only
def test_what_code_raises_stops_nothing(backend: Supervised, provider: FastAPIProvider) -> None:
    asks = provider.start("asks", {}).workflow_uuid
    runs = {name: provider.start(name, {}).workflow_uuid for name in poison.RAISING}
    for name, run in runs.items():
        info = until(lambda run=run: ended(provider, run), f"{name} does not end", backend)
        assert info.status is RunStatus.FAILED
        assert texts(provider, run)[:1] == ["so far"]
    (question,) = until(lambda: provider.run(asks).questions, "nothing is asked", backend)
    provider.answer(asks, question.uuid, "fine")
    assert until(lambda: ended(provider, asks), "the answer is lost", backend).result == "fine"
    assert backend.deaths == 0
    assert "SystemExit" in backend.log


@pytest.mark.fault
@pytest.mark.timeout(600)
@pytest.mark.parametrize("after_s", [0.0, 1.0])
def test_who_ends_the_process_is_set_aside_and_no_innocent(
    backend: Supervised, provider: FastAPIProvider, after_s: float
) -> None:
    innocents = [provider.start(name, {}).workflow_uuid for name in ("asks", "works", "thinks", "asks", "works")]
    guilty = begun(provider, "ends the process", {"after_s": after_s}, backend)
    until(lambda: backend.deaths, "nothing has happened", backend)
    innocents += [
        until(lambda name=name: provider.start(name, {}), "nothing starts", backend).workflow_uuid
        for name in ("thinks", "asks", "works", "thinks", "works")
    ]

    info = until(lambda: ended(provider, guilty), "the guilty one goes on", backend)
    deaths = backend.deaths
    assert info.status is RunStatus.FAILED
    assert "has stopped the server" in provider.messages(guilty).messages[-1].short  # type: ignore[union-attr]
    assert texts(provider, guilty) == ["so far"]
    assert deaths >= 3
    for run in innocents:
        if until(lambda run=run: provider.run(run), "the run is gone", backend).name == "asks":
            (question,) = until(lambda run=run: provider.run(run).questions, "nothing is asked", backend)
            provider.answer(run, question.uuid, "done")
        info = until(lambda run=run: ended(provider, run), f"{run} does not end", backend)
        assert (info.status, info.result) == (RunStatus.COMPLETED, "done")
    assert backend.deaths == deaths
    print(f"after {after_s} s: {deaths} deaths until it was set aside; 10 of 10 innocents have ended well")


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_alone_it_is_set_aside_after_exactly_three_deaths(backend: Supervised, provider: FastAPIProvider) -> None:
    guilty = begun(provider, "ends the process", {}, backend)
    until(lambda: ended(provider, guilty), "the guilty one goes on", backend)
    last = provider.messages(guilty).messages[-1]
    assert last.short.startswith("This conversation has stopped the server 3 times")  # type: ignore[union-attr]
    assert backend.deaths == 3
    assert "is set aside" in backend.log
