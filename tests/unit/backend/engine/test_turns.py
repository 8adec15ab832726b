"""Whose run is taken up next, and how many may be at work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastagency_backend.engine.engine import Engine
from fastagency_backend.workflow import AsyncUI
from fastagency_shared.run import InitiateRequest, RunStatus

from tests.fakes.lab import Lab, run_id, until


class Doors:
    """Workflows `a` and `b` that work until a door is opened; `working` are the runs in there."""

    def __init__(self, lab: Lab, **limits: int) -> None:
        self.working: set[int] = set()
        self.most = 0
        self._doors: dict[int, asyncio.Event] = {}
        for name in ("a", "b"):
            lab.wf.register(name, "Works", max_at_work=limits.get(name))(self._work)

    def open(self, number: int) -> None:
        self._doors.setdefault(number, asyncio.Event()).set()

    async def _work(self, ui: AsyncUI, params: dict[str, Any]) -> str:
        number = int(ui.workflow_uuid, 16)
        self.working.add(number)
        self.most = max(self.most, len(self.working))
        await self._doors.setdefault(number, asyncio.Event()).wait()
        self.working.discard(number)
        if params.get("ask"):
            await ui.text_input(prompt="?")
        if params.get("sleep"):
            await ui.sleep(3600)
        return "done"


async def start(engine: Engine, number: int, user: str | None, workflow: str = "a", **params: Any) -> None:
    request = InitiateRequest(workflow_name=workflow, workflow_uuid=run_id(number), params=params)
    await engine.service.create(request, user)


async def test_one_users_endless_runs_do_not_hold_up_another(lab: Lab) -> None:
    doors = Doors(lab)
    engine = await lab.engine(max_live=4, max_at_work_per_user=3)
    for number in range(1, 201):
        await start(engine, number, "busy")
    await until(lambda: len(doors.working) == 3)
    await start(engine, 999, "other")
    await until(lambda: 999 in doors.working)
    assert len(doors.working) == 4


@pytest.mark.parametrize("rest", ["ask", "sleep"])
async def test_a_run_that_waits_makes_room_for_the_next(lab: Lab, rest: str) -> None:
    doors = Doors(lab)
    engine = await lab.engine(max_at_work_per_user=1)
    await start(engine, 1, "u", **{rest: True})
    await start(engine, 2, "u")
    await until(lambda: doors.working == {1})
    doors.open(1)
    await until(lambda: doors.working == {2})
    record = await engine.store.get_run(run_id(1))
    assert record is not None
    assert record.status is RunStatus.WAITING


async def test_workers_share_the_limit_of_a_workflow(lab: Lab) -> None:
    doors = Doors(lab, a=2)
    engines = [await lab.engine(), await lab.engine()]
    for number in range(1, 7):
        await start(engines[number % 2], number, None)
    await start(engines[0], 7, None, "b")
    for number in range(1, 8):
        doors.open(number)
    for number in range(1, 8):
        await lab.ended(engines[0], number)
    assert doors.most <= 3


async def test_a_limit_of_none_is_no_limit(lab: Lab) -> None:
    with pytest.raises(ValueError, match="max_at_work is at least 1, not 0"):
        lab.wf.register("none", "d", max_at_work=0)
