"""A log can be copied to another run: there it is what that run has done, and nothing is done again."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from fastagency_backend.engine.context import current_step_key
from fastagency_backend.workflow import AsyncUI

from tests.databases import sqlite_only
from tests.fakes.lab import Lab, run_id


def copy_log(path: Path) -> None:
    """Make run 2 with the log of run 1, as it stands."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO run(id, workflow, params, status, title, durable, created, updated, key_version) "
            "SELECT ?, workflow, params, 'ready', title, durable, created, updated, key_version FROM run WHERE id = ?",
            (run_id(2), run_id(1)),
        )
        for table, columns in (
            ("event", "seq, key, at, body"),
            ("step", "key, ord, value"),
            ("question", "uuid, key, asked, body, value, ord"),
        ):
            db.execute(
                f"INSERT INTO {table}(run_id, {columns}) SELECT ?, {columns} FROM {table} WHERE run_id = ?",
                (run_id(2), run_id(1)),
            )


@sqlite_only
async def test_a_copied_log_is_replayed_without_a_call_or_a_message(lab: Lab) -> None:
    calls: list[str | None] = []

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        async def call(what: str) -> str:
            calls.append(current_step_key())
            await ui.text_message(body=f"{what} inside")
            return what

        await ui.text_message(body="hello", uuid="1")
        await ui.text_message(body=f"This is {ui.workflow_uuid}")
        await ui.function_call_execution(function_name="call", retval=await ui.step(call, "red"))
        await ui.step(call, f"red for {ui.workflow_uuid}")
        name = await ui.text_input(prompt=f"Who are you, in {ui.workflow_uuid}?")
        await ui.text_message(body=name)
        await ui.text_message(body=str(await ui.step(call, name)))
        return name + await ui.text_input(prompt="Sure?")

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.answer(engine, "Ada")
    await lab.question(engine)
    await lab.stop(engine)
    paid, calls[:] = list(calls), []

    await asyncio.to_thread(copy_log, lab.database)
    engine = await lab.engine()
    before = await lab.log(engine, 2)
    await lab.answer(engine, "yes", 2)
    assert await lab.completed(engine, 2) == "Adayes"
    assert calls == []
    assert [message.type for message in (await lab.log(engine, 2))[len(before) :]] == [
        "input_answered",
        "workflow_completed",
    ]
    assert all(key is not None and key.startswith(f"{run_id(1)}:step:") for key in paid)
