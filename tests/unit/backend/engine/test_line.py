"""Runs that wait for a worker are spoken of."""

from __future__ import annotations

import asyncio
import logging

import pytest
from fastagency_backend.engine import line as line_module
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.line import Lines, Waiting
from fastagency_backend.store.base import RunRecord
from fastagency_backend.store.dispatch import Line
from fastagency_shared.messages import RunStatusChanged
from fastagency_shared.run import RunStatus

from tests.fakes.lab import Lab, until


class FakeStore:
    def __init__(self, *lines: Line) -> None:
        self.there = list(lines)

    async def now(self) -> float:
        return 100.0

    @property
    def dispatcher(self) -> FakeStore:
        return self

    async def lines(self) -> list[Line]:
        return self.there

    async def heads(self, run_ids: list[str]) -> dict[str, tuple[int, str]]:
        return {}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "LOOK_EVERY_S", 0.0)


async def test_what_waits_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    full, gone, new = Line("full", 3, 90.0, True), Line("gone", 2, 10.0, False), Line("new", 9, 99.0, True)
    store = FakeStore(full, gone, new)
    lines = Lines(store, Feeds())  # type: ignore[arg-type]
    await lines.look()
    await lines.look()
    assert lines.waiting == Waiting(for_room=3, for_workflow=2)
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "3 runs of the workflow 'full' wait for their turn",
        "2 runs of the workflow 'gone' wait",
    ]
    store.there = []
    await lines.look()
    assert lines.waiting == Waiting()
    store.there = [gone]
    await lines.look()
    assert "'gone'" in caplog.records[-1].message
    assert len(caplog.records) == 3


async def test_health_tells_of_a_workflow_that_is_gone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "PATIENCE_S", -60.0)

    @lab.wf.register("flow", "d")
    async def flow(ui: object, params: object) -> str:
        return "done"

    engine = await lab.engine(max_live=0)
    await lab.start(engine, "flow")
    await engine._lines.look()
    assert (await engine.health()).waiting == Waiting(for_workflow=1), "this worker has claimed nothing yet"


BUSY = "This conversation waits for its turn: the server is busy."
GONE = "The workflow 'flow' is not offered at the moment. The conversation goes on when it is back."


async def test_those_who_watch_a_run_are_told_why_it_waits(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "PATIENCE_S", -60.0)

    @lab.wf.register("flow", "d")
    async def flow(ui: object, params: object) -> str:
        return "done"

    engine = await lab.engine(max_live=0)
    run = await lab.start(engine, "flow")

    async def watch(heard: list[str | None]) -> None:
        async for batch in engine.service.readers.watch(run, after=0, beat_s=60):
            heard.extend(item.reason for item in batch if isinstance(item, RunStatusChanged))

    first: list[str | None] = []
    later: list[str | None] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(watch(first))
        await until(lambda: first == [GONE])
        group.create_task(watch(later))
        await until(lambda: later == [GONE])
        assert engine.service.reason(await lab.run(engine)) == GONE
        await lab.engine()
        await lab.completed(engine)
    assert first[0] == GONE
    assert first[1:] in ([], [None], [BUSY], [BUSY, None]), "nobody is told twice"
    assert engine.service.reason(await lab.run(engine)) is None


async def test_runs_of_a_build_that_nobody_goes_on_with(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    lines = Lines(FakeStore(Line("flow", 2, 10.0, False, "7"), Line("flow", 1, 10.0, True)), Feeds())  # type: ignore[arg-type]
    await lines.look()
    assert lines.waiting == Waiting(for_room=1, for_build=2)
    assert "2 runs of the workflow 'flow' wait for a worker of the build '7'" in caplog.text

    def reason(build: str | None) -> str | None:
        return lines.reason(
            RunRecord("1", "flow", "{}", None, RunStatus.READY, "", None, True, None, 1, 1, 1, build=build)
        )

    assert reason("7") == "This conversation goes on with the version '7', and waits for a server that has it."
    assert reason("8") == reason(None) == BUSY


@pytest.mark.parametrize(("offered", "sentence"), [(True, BUSY), (False, GONE)])
def test_the_reason_is_a_sentence_for_people(offered: bool, sentence: str) -> None:
    assert line_module.reason_of(Line("flow", 1, 0.0, offered)) == sentence
