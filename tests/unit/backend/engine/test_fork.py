"""A fork goes on from an earlier question: what was recorded before it is not done again, and the first run stays."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from fastagency_backend.engine.engine import Engine
from fastagency_backend.workflow import AsyncUI
from fastagency_shared.errors import Conflict, UnknownQuestion, UnknownRun
from fastagency_shared.messages import LoggedMessage, TextMessage, parse_message
from fastagency_shared.run import RunStatus
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.lab import Lab, run_id, until


class Interview:
    """Asks, pays for each answer, says so; `side_by_side` does all of it at once."""

    def __init__(self, lab: Lab, questions: int, *, side_by_side: bool) -> None:
        self.paid: Counter[str] = Counter()
        self._questions, self._side_by_side = questions, side_by_side
        lab.wf.register("interview", "An interview")(self._workflow)

    async def _workflow(self, ui: AsyncUI, params: dict[str, Any]) -> str:
        if self._side_by_side:
            return ",".join(await asyncio.gather(*(self._one(ui, number) for number in range(self._questions))))
        return ",".join([await self._one(ui, number) for number in range(self._questions)])

    async def _one(self, ui: AsyncUI, number: int) -> str:
        await ui.step(self._pay, f"before {number}")
        answer = await ui.text_input(prompt=str(number))
        await ui.step(self._pay, f"{number} {answer}")
        await ui.text_message(body=f"{number} {answer}")
        return answer

    def _pay(self, what: str) -> None:
        self.paid[what] += 1


async def answer_all(engine: Engine, id_: str, word: str) -> str | None:
    """Answer whatever is asked until the run has ended; its result."""

    async def look() -> bool:
        record = await engine.service.get(id_, None)
        for body in record.questions:
            question = parse_message(body)
            await engine.service.answer(id_, None, question.uuid, f"{word}{question.prompt}")  # type: ignore[union-attr]
        return record.status.ended

    await until(look)
    record = await engine.service.get(id_, None)
    assert record.status is RunStatus.COMPLETED
    return record.result


async def log_of(lab: Lab, engine: Engine, id_: str) -> list[LoggedMessage]:
    return lab.messages(await engine.service.read(id_, None, after=0, limit=1000))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.data(), st.booleans(), st.booleans())
async def test_a_fork_pays_for_nothing_again(
    questions: int, data: st.DataObject, side_by_side: bool, restarted: bool
) -> None:
    with TemporaryDirectory() as folder:
        lab = Lab(Path(folder) / "runs.sqlite3")
        interview = Interview(lab, questions, side_by_side=side_by_side)
        try:
            engine = await lab.engine()
            first = await lab.start(engine, "interview")
            assert await answer_all(engine, first, "a") == ",".join(f"a{n}" for n in range(questions))
            log = await log_of(lab, engine, first)
            asked = [message for message in log if message.is_question]
            question = data.draw(st.sampled_from(asked))
            paid = interview.paid.copy()
            if restarted:
                await lab.stop(engine)
                engine = await lab.engine()
            fork = await engine.service.fork(first, None, question.uuid)
            result = await answer_all(engine, fork.id, "b")
            copied = log.index(question) + 1
            forked = await log_of(lab, engine, fork.id)
            assert [m.uuid for m in forked[:copied]] == [m.uuid for m in log[:copied]]
            assert sorted(m.type for m in forked) == sorted(m.type for m in log)
            assert await log_of(lab, engine, first) == log
        finally:
            await lab.close()
    number = int(question.prompt or "")  # type: ignore[union-attr]
    assert result is not None
    answers = result.split(",")
    assert answers[number] == f"b{number}"
    new = interview.paid - paid
    # Paid for anew is what follows a new answer, and what was first reached behind the old one: that of another
    # question, too, if both were answered before either was paid for.
    again = {f"{n} {answer}" for n, answer in enumerate(answers) if answer.startswith("b")}
    answered = next(at for at, message in enumerate(log) if getattr(message, "question", None) == question.uuid)
    behind = {message.body for message in log[answered:] if isinstance(message, TextMessage)}
    assert set(new) <= again | behind | {f"before {n}" for n in range(number + 1, questions)}
    assert again <= set(new)
    assert all(times == 1 for times in new.values())
    assert f"before {number}" not in new


async def test_what_cannot_be_forked_is_refused(lab: Lab) -> None:
    @lab.wf.register("fragile", "Is not durable", durable=False)
    async def fragile(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui.text_input()

    Interview(lab, 1, side_by_side=False)
    engine = await lab.engine()
    await lab.start(engine, "fragile")
    with pytest.raises(Conflict, match="start it again"):
        await engine.service.fork(run_id(), None, await lab.question(engine))
    await lab.start(engine, "interview", 2)
    question = await lab.question(engine, 2)
    with pytest.raises(UnknownRun):
        await engine.service.fork(run_id(2), "eve", question)
    with pytest.raises(UnknownQuestion):
        await engine.service.fork(run_id(2), None, "nothing")
    fork = await engine.service.fork(run_id(2), None, question)
    assert await answer_all(engine, fork.id, "x") == "x0"
    assert (await lab.run(engine, 2)).status is RunStatus.WAITING
