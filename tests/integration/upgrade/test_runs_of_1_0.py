"""Runs that version 1.0 began, parked or killed in the middle of a call, are ended by today's code.

`runs_1_0.sql` is what 1.0 left behind (`make.py` says how). Each run must become the run that was never disturbed.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.engine.engine import Engine
from fastagency_shared.messages import InputAnswered, LoggedMessage, parse_message

from tests.fakes.lab import Lab, run_id, until
from tests.integration.upgrade.workflows import ANSWERS, BEFORE, CALLS, PARAMS, wf

NAMES = list(ANSWERS)
PAID_BEFORE = {
    "blocking": ["a table", "a table"],
    "awaited": ["ann", "bob", "eve", "ann", "bob", "eve", "ann again", "bob again"],
    "killed": ["the first"],
    "killed in its thread": ["the first"],
    "team": ["price of soup", "price of tea"],
    "classic": ["price of soup", "price of tea"],
}
UNDISTURBED = 100


@pytest.fixture
def lab(tmp_path: Path, name: str) -> Lab:
    """On a file with one of the runs, so that `CALLS` are its own."""
    with closing(sqlite3.connect(tmp_path / "runs.sqlite3")) as db:
        db.executescript(Path(__file__).with_name("runs_1_0.sql").read_text())
        db.execute("DELETE FROM run WHERE workflow != ?", (name,))
        db.commit()
    lab = Lab(tmp_path / "runs.sqlite3")
    lab.wf = wf
    return lab


async def answer_all(lab: Lab, engine: Engine, name: str, number: int) -> list[LoggedMessage]:
    """Be the person until the run ends; its log."""

    async def look() -> bool:
        record = await lab.run(engine, number)
        if record.status.ended:
            return True
        if record.questions:
            said = sum(isinstance(message, InputAnswered) for message in await lab.log(engine, number))
            question = parse_message(record.questions[0]).uuid
            await engine.service.answer(run_id(number), None, question, ANSWERS[name][said])
        return False

    await until(look)
    await lab.completed(engine, number)
    return await lab.log(engine, number)


def shape(message: LoggedMessage) -> str:
    """The message without ids, times and what is drawn at random."""
    wire: dict[str, Any] = message.wire()
    text = json.dumps([wire["type"], wire["sender"], wire["recipient"], wire["content"]])
    return re.sub(r'"(call_id|question)": "[^"]*"|\d\.\d+|\d{4}-\d\d-\d\d.[\d:.+]+', "", text)


@pytest.mark.parametrize("name", NAMES)
async def test_a_run_of_1_0_goes_on_as_if_nothing_had_happened(lab: Lab, name: str) -> None:
    number = NAMES.index(name) + 1
    engine = await lab.engine()
    before = await lab.log(engine, number)
    assert sum(isinstance(message, InputAnswered) for message in before) == BEFORE[name]
    CALLS.clear()
    log = await answer_all(lab, engine, name, number)
    paid = Counter(PAID_BEFORE[name]) + Counter(CALLS)
    assert log[: len(before)] == before, "the log has changed"

    CALLS.clear()
    await lab.start(engine, name, UNDISTURBED, **PARAMS.get(name, {}))
    undisturbed = await answer_all(lab, engine, name, UNDISTURBED)
    await lab.close()
    assert Counter(map(shape, log)) == Counter(map(shape, undisturbed)), "something was lost or doubled"
    assert paid == Counter(CALLS), "something was paid for twice, or not at all"
