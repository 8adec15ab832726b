"""Every line that is written inside a run knows it, whoever writes it and in whichever thread or task."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import threading
from typing import Any

import pytest
from fastagency_backend.engine import logrecord
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.run import InitiateRequest

from tests.fakes.lab import Lab, run_id, until

application = logging.getLogger("application")


async def records(lab: Lab, caplog: pytest.LogCaptureFixture, fn: Any) -> list[logging.LogRecord]:
    caplog.set_level(logging.INFO)
    lab.wf.register("flow", "d")(fn)
    engine = await lab.engine()
    await engine.service.create(InitiateRequest(workflow_name="flow", workflow_uuid=run_id()), "anna")

    async def ended() -> bool:
        return (await engine.service.get(run_id(), "anna")).status.ended

    await until(ended)
    await until(lambda: not engine.driver.at_work)  # the last line is logged after the commit
    return [record for record in caplog.records if record.name == "application"]


def about(record: logging.LogRecord) -> tuple[object, ...]:
    return tuple(getattr(record, name) for name in ("run_id", "workflow", "user"))


HERE = (run_id(), "flow", "anna")


async def test_a_workflow_its_tasks_and_its_threads(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        async def agent() -> None:
            application.info("in a task")

        application.info("on the loop")
        await asyncio.create_task(agent())
        await asyncio.to_thread(application.info, "in a thread")

    found = await records(lab, caplog, flow)
    assert [record.getMessage() for record in found] == ["on the loop", "in a task", "in a thread"]
    assert {about(record) for record in found} == {HERE}


async def test_a_def_workflow(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    def flow(ui: UI, params: dict[str, Any]) -> None:
        application.info("in %s", threading.current_thread().name)

    (record,) = await records(lab, caplog, flow)
    assert about(record) == HERE
    assert record.getMessage().startswith("in run-")


async def test_the_engines_own_lines(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None: ...

    await records(lab, caplog, flow)
    ours = [r for r in caplog.records if r.name.startswith("fastagency_backend.engine") and "run" in r.getMessage()]
    of_run = [record for record in ours if "worker" not in record.getMessage()]
    assert [record.getMessage() for record in of_run] == ["The run of 'flow' starts", "The run is completed"]
    assert {about(record) for record in of_run} == {HERE}


async def test_the_applications_own_fields_win_and_raise_nothing(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        application.info("bought", extra={"user": "the customer"})

    (record,) = await records(lab, caplog, flow)
    assert about(record) == (run_id(), "flow", "the customer")


async def test_a_format_of_the_applications_own_can_name_the_fields(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        application.info("Hello")

    (record,) = await records(lab, caplog, flow)
    formatter = logging.Formatter("%(run_id)s %(workflow)s %(user)s %(message)s")
    assert formatter.format(record) == f"{run_id()} flow anna Hello"
    assert formatter.format(application.makeRecord("application", logging.INFO, "f", 1, "Out", (), None)) == "- - - Out"
    for copied in (copy.copy(record), pickle.loads(pickle.dumps(record))):
        assert about(copied) == HERE


async def test_a_record_factory_of_the_applications_own_goes_on_making_them(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    class OwnRecord(logging.LogRecord):
        own = True

    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(OwnRecord)
    try:

        async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
            application.info("Hello")

        (record,) = await records(lab, caplog, flow)
    finally:
        logging.setLogRecordFactory(before)
    assert isinstance(record, OwnRecord)
    assert about(record) == HERE


def test_installing_it_again_changes_nothing() -> None:
    logrecord.install()
    factory = logging.getLogRecordFactory()
    logrecord.install()
    assert logging.getLogRecordFactory() is factory
