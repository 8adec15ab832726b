"""Runs that wait for a worker are spoken of."""

from __future__ import annotations

import logging

import pytest
from fastagency_backend.engine import line as line_module
from fastagency_backend.engine.line import Lines, Waiting
from fastagency_backend.store.base import Line

from tests.fakes.lab import Lab


class FakeStore:
    def __init__(self, *lines: Line) -> None:
        self.there = list(lines)

    async def now(self) -> float:
        return 100.0

    async def lines(self) -> list[Line]:
        return self.there


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "LOOK_EVERY_S", 0.0)


async def test_what_waits_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    full, gone, new = Line("full", 3, 90.0, True), Line("gone", 2, 10.0, False), Line("new", 9, 99.0, True)
    store = FakeStore(full, gone, new)
    lines = Lines(store)  # type: ignore[arg-type]
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
