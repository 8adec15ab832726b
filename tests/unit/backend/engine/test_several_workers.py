"""Several workers on one file under load: runs move among them, and every answer counts once, wherever it is given."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from fastagency_backend.workflow import UI, AsyncUI
from fastagency_shared.messages import InputAnswered

from tests.fakes.lab import Lab

WORKERS = 3
RUNS = 100
QUESTIONS = 5


@pytest.mark.parametrize("kind", ["async def", "def"])
async def test_every_answer_counts_once_while_runs_are_parked_and_move(lab: Lab, kind: str) -> None:
    if kind == "def":

        @lab.wf.register("talk", "Asks again and again")
        def talk(ui: UI, params: dict[str, Any]) -> str:
            return " ".join(ui.text_input(prompt=str(number)) for number in range(QUESTIONS))
    else:

        @lab.wf.register("talk", "Asks again and again")
        async def talk_on_loop(ui: AsyncUI, params: dict[str, Any]) -> str:
            return " ".join([await ui.text_input(prompt=str(number)) for number in range(QUESTIONS)])

    engines = [await lab.engine(warm_s=0.01) for _ in range(WORKERS)]
    chance = random.Random(7)
    workers: set[str | None] = set()

    async def converse(number: int) -> None:
        await lab.start(chance.choice(engines), "talk", number)
        for question in range(QUESTIONS):
            here = chance.choice(engines)
            await lab.question(here, number)
            workers.add((await lab.run(here, number)).worker)
            await asyncio.sleep(chance.choice([0.0, 0.0, 0.01, 0.05]))  # some are parked by then, some are about to be
            await lab.answer(here, f"{number}.{question}", number)

    await asyncio.gather(*(converse(number) for number in range(1, RUNS + 1)))
    for number in range(1, RUNS + 1):
        expected = [f"{number}.{question}" for question in range(QUESTIONS)]
        assert await lab.completed(chance.choice(engines), number) == " ".join(expected)
        log = await lab.log(engines[0], number)  # it looks at the numbers, too
        assert Counter(m.value for m in log if isinstance(m, InputAnswered)) == Counter(expected)
    assert {engine.worker for engine in engines} <= workers
