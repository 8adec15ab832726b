"""Workflows that hold the event loop, or the interpreter's lock: the log names them, and everybody else goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastagency_frontend.client import FastAPIProvider
from fastagency_frontend.client.backoff import Patience
from fastagency_shared.run import RunStatus

from tests.databases import Database
from tests.fault.conftest import sqlite_only
from tests.fault.supervised import Supervised
from tests.fault.test_poison import DEADLINE_S, begun, ended, texts, until

LINES = {"sleeps": "in sleeps", "spins": "in spins", "matches": "in matches"}


class Pair:
    """Two workers on one database, and a client that finds one that answers."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        settings = {"FASTAGENCY_FROZEN_S": "1"} | settings
        self.workers = [Supervised("tests.fault.poison:wf", folder, **settings) for _ in range(2)]
        patience = Patience(give_up_s=2, cap_s=0.5)
        self.providers = [FastAPIProvider(each.url, patience=patience) for each in self.workers]

    @property
    def provider(self) -> FastAPIProvider:
        for worker, provider in zip(self.workers, self.providers, strict=True):
            if worker.answers:
                return provider
        return self.providers[0]

    @property
    def log(self) -> str:
        return "\n".join(worker.log for worker in self.workers)

    def close(self) -> None:
        for provider in self.providers:
            provider.close()
        for worker in self.workers:
            worker.close()


@pytest.fixture
def pair(tmp_path: Path, either_database: Database, request: pytest.FixtureRequest) -> Iterator[Pair]:
    settings = {"FASTAGENCY_DATABASE": str(either_database), **getattr(request, "param", {})}
    pair = Pair(tmp_path, settings)
    for worker in pair.workers:
        until(lambda worker=worker: worker.answers, "a worker does not start", worker)
    yield pair
    pair.close()


def poisoned(pair: Pair, name: str, **params: float) -> None:
    """Innocents beside a run that freezes its worker: it is set aside, and they end well."""
    watched = pair.workers[0]
    innocents = [pair.provider.start(each, {}).workflow_uuid for each in ("works", "thinks", "works", "asks")]
    guilty = begun(pair.provider, name, params, watched)
    info = until(lambda: ended(pair.provider, guilty), f"{name} goes on: {pair.log[-6000:]}", watched)
    assert info.status is RunStatus.FAILED
    assert texts(pair.provider, guilty) == ["so far"]
    for run in innocents:
        if until(lambda run=run: pair.provider.run(run), "the run is gone", watched).name == "asks":
            (question,) = until(lambda run=run: pair.provider.run(run).questions, "nothing is asked", watched)
            until(lambda run=run, q=question: pair.provider.answer(run, q.uuid, "done") or True, "no answer", watched)
        info = until(lambda run=run: ended(pair.provider, run), f"{run} does not end: {pair.log[-6000:]}", watched)
        assert (info.status, info.result) == (RunStatus.COMPLETED, "done")
    named = [line for line in pair.log.splitlines() if guilty in line and LINES[name] in line]
    assert named, pair.log[-6000:]
    print(named[0])


@pytest.mark.fault
@pytest.mark.timeout(int(2 * DEADLINE_S))
def test_a_loop_that_stands_still_for_a_while_loses_its_runs_and_recovers(pair: Pair) -> None:
    poisoned(pair, "sleeps", for_s=4.0)
    assert [worker.deaths for worker in pair.workers] == [0, 0]
    for worker in pair.workers:
        until(lambda worker=worker: worker.answers, "a worker does not come back", worker)
    assert "The event loop goes on after" in pair.log


@pytest.mark.fault
@pytest.mark.timeout(int(2 * DEADLINE_S))
@pytest.mark.parametrize("pair", [{"FASTAGENCY_FROZEN_EXIT_S": "3"}], indirect=True)
@pytest.mark.parametrize("name", ["spins", "matches"])
@sqlite_only
def test_a_process_that_is_frozen_for_good_ends_and_is_started_again(pair: Pair, name: str) -> None:
    poisoned(pair, name)
    assert sum(worker.deaths for worker in pair.workers) >= 3
