"""Property: however answers come, runs are parked and processes stop, no answer is lost and each keeps its place."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastagency_backend.engine.engine import Engine
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.service import RunService
from fastagency_backend.workflow import AsyncUI
from fastagency_shared.errors import AlreadyAnswered
from fastagency_shared.messages import parse_message
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.lab import DEADLINE_S, Lab, run_id

BRANCHES, ASKS = 3, 2
turns = st.integers(0, 6)
deeds = st.one_of(
    st.tuples(st.just("answer"), st.integers(0, 2), turns),
    st.tuples(st.just("answer twice"), st.integers(0, 2), turns),
    st.tuples(st.just("answer there"), st.integers(0, 2), turns),
    st.tuples(st.just("park"), st.just(0), turns),
    st.tuples(st.just("answer and park"), st.integers(0, 2), turns),
    st.tuples(st.just("park and answer"), st.integers(0, 2), turns),
    st.tuples(st.just("answer and stop"), st.integers(0, 2), turns),
)
Deed = tuple[str, int, int]


@dataclass
class Play:
    """One run that asks several things at once. Each time it begins anew, `lives` gets a list of what it hears."""

    lives: list[list[str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)

    async def workflow(self, ui: AsyncUI, params: dict[str, Any]) -> str:
        heard: list[str] = []
        self.lives.append(heard)

        async def talk(said: list[str]) -> str:
            self.calls.append(str(said))
            return f"heard {said}"

        async def branch(name: str) -> None:
            for number in range(ASKS):
                heard.append(await ui.text_input(sender=name, prompt=f"{name} {number}?"))
                heard.append(await ui.step(talk, list(heard)))

        async with asyncio.TaskGroup() as group:
            for number in range(BRANCHES):
                group.create_task(branch(f"b{number}"))
        return "done"

    async def run(self, folder: Path, script: list[Deed]) -> None:
        lab = Lab(folder / "runs.sqlite3")
        lab.wf.register("flow", "Asks several things at once")(self.workflow)
        elsewhere = lab.store()
        await elsewhere.open(lambda: None)
        there = RunService(elsewhere, lab.wf.specs, Feeds())
        engine = await lab.engine()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await lab.start(engine, "flow")
                for deed in script:
                    engine = await self.do(lab, engine, there, deed)
                while not (await lab.run(engine)).status.ended:
                    await self.do(lab, engine, there, ("answer", 0, 0))
                    await asyncio.sleep(0.001)
            assert await lab.completed(engine) == "done", await lab.log(engine)
            await self.check(engine)
        finally:
            await lab.close()
            await elsewhere.close()

    async def do(self, lab: Lab, engine: Engine, there: RunService, deed: Deed) -> Engine:
        what, which, pause = deed
        await lab.moved(engine, 0)
        open_now = (await lab.run(engine)).questions
        prompts = [parse_message(body) for body in open_now]

        async def some(service: RunService, *, late: int = 0) -> None:
            for _ in range(late):
                await asyncio.sleep(0)
            if prompts:
                question = prompts[which % len(prompts)]
                await self.answer(service, question.uuid, f"to {question.prompt}")  # type: ignore[union-attr]

        async def park(late: int = 0) -> None:
            for _ in range(late):
                await asyncio.sleep(0)
            await engine.driver.park_idle(0.0)
            engine.driver.idle_hands.set()

        match what:
            case "answer":
                await some(engine.service)
            case "answer twice":
                await asyncio.gather(some(engine.service), some(engine.service, late=pause))
            case "answer there":
                await asyncio.gather(some(there), some(engine.service, late=pause))
            case "park":
                await park()
            case "answer and park":
                await asyncio.gather(some(engine.service), park(pause))
            case "park and answer":
                await asyncio.gather(park(), some(engine.service, late=pause))
            case "answer and stop":
                answering = asyncio.create_task(some(engine.service), name="answering")
                for _ in range(pause):
                    await asyncio.sleep(0)
                await lab.stop(engine)
                answering.cancel()  # nobody tells it any more what has become of the answer
                await asyncio.gather(answering, return_exceptions=True)
                return await lab.engine()
        return engine

    async def answer(self, service: RunService, uuid: str, value: str) -> None:
        try:
            await service.answer(run_id(), None, uuid, value)
        except AlreadyAnswered:
            pass
        else:
            assert uuid not in self.accepted, "two answers to one question were taken"
            self.accepted.add(uuid)

    async def check(self, engine: Engine) -> None:
        log = await engine.store.load_log(run_id())
        assert self.accepted <= {question.uuid for question in log.questions.values()}
        results = [*log.steps.values(), *log.questions.values()]
        in_order = [json.loads(each.value or "") for each in sorted(results, key=lambda each: each.order or 0)]
        assert len({each.order for each in results}) == len(results), "no two results have one place"
        for heard in self.lives:
            assert heard == in_order[: len(heard)], "what was heard is what a replay gives out, in that order"
        assert self.lives[-1] == in_order
        assert len(self.calls) == BRANCHES * ASKS == len(set(self.calls)), "nothing is called twice"


@settings(max_examples=50)
@given(st.lists(deeds, min_size=1, max_size=8))
def test_no_answer_is_lost_and_each_keeps_its_place(script: list[Deed]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(Play().run(Path(folder), script))
