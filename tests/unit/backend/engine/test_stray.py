"""What a worker owns and does not know of is given back; what it drives, or is about to, is not."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest
from fastagency_backend.engine import stray
from fastagency_backend.engine.run import Run
from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import NewRun, RunRecord
from fastagency_backend.store.dispatch import Owned
from fastagency_backend.store.sqlite.dispatch import SqliteDispatcher
from fastagency_shared.messages import TextInput

from tests.databases import sqlite_only
from tests.fakes.lab import Lab, run_id, until
from tests.unit.backend.engine.test_run import register


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stray, "LOOK_EVERY_S", 0.01)


async def asks(run: Run) -> None:
    await run.ask(TextInput())


async def test_what_a_claim_took_whose_reply_was_lost_goes_on_elsewhere(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    register(lab, asks)
    forgetful = await lab.engine(max_live=0)
    await lab.start(forgetful, "flow")
    (taken,) = await forgetful.store.dispatcher.claim_runs(forgetful.worker, ["flow"], limit=1)
    other = await lab.engine()
    await lab.question(other)
    record = await lab.run(other)
    assert (record.worker, record.fence) == (other.worker, taken.fence + 1)
    assert f"given back: {run_id()}" in caplog.text


class CountedLooks:
    """A store that counts who looks at all that a worker owns, and can hold a claim's reply up."""

    def __init__(self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looks = 0
        self.replies = asyncio.Event()
        self.replies.set()
        dispatcher = store.dispatcher
        owned_runs, claim_runs = dispatcher.owned_runs, dispatcher.claim_runs

        async def counted(worker: str, among: Collection[str] | None = None) -> dict[str, Owned]:
            self.looks += among is None
            return await owned_runs(worker, among)

        async def held(*args: object, **options: object) -> list[RunRecord]:
            records = await claim_runs(*args, **options)  # type: ignore[arg-type]
            await self.replies.wait()
            return records

        monkeypatch.setattr(dispatcher, "owned_runs", counted)
        monkeypatch.setattr(dispatcher, "claim_runs", held)


@sqlite_only
async def test_what_is_driven_or_about_to_be_is_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    register(lab, asks)
    store = lab.store()
    assert isinstance(store.dispatcher, SqliteDispatcher)
    counted = CountedLooks(store, monkeypatch)
    engine = await lab.engine(store=store)
    await lab.start(engine, "flow", 1)
    await lab.question(engine, 1)
    counted.replies.clear()
    await store.create_run(NewRun(run_id(2), "flow", "{}", None, "A flow", True, 1.0))
    engine.driver.idle_hands.set()

    async def is_taken() -> bool:
        return (await lab.run(engine, 2)).worker == engine.worker

    await until(is_taken)
    await asyncio.sleep(0.1)  # ten looks, if there were any while a claim is under way
    assert (await lab.run(engine, 2)).fence == 1
    counted.replies.set()
    await lab.question(engine, 2)
    looks = counted.looks
    await until(lambda: counted.looks >= looks + 3)
    for number in (1, 2):
        record = await lab.run(engine, number)
        assert (record.worker, record.fence) == (engine.worker, 1)
