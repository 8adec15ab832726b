"""Small random workflows, in sequence and in parallel, of all that leaves a trace: run undisturbed or cut anywhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastagency_backend.engine.context import current_step_key
from fastagency_backend.engine.engine import Engine
from fastagency_backend.workflow import AsyncUI
from fastagency_shared.messages import LoggedMessage, parse_message
from hypothesis import strategies as st

from tests.fakes.lab import DEADLINE_S, Lab, run_id


@dataclass(frozen=True)
class Leaf:
    """One thing a workflow does; a call takes some turns of the loop."""

    kind: str
    turns: int = 0


@dataclass(frozen=True)
class Node:
    """Parts one after the other, or side by side."""

    parallel: bool
    parts: tuple[Leaf | Node, ...]


Program = Leaf | Node

KINDS = ["emit", "step", "talk", "talk", "ask", "now", "random", "flaky", "nested"]
leaves = st.builds(Leaf, st.sampled_from(KINDS), st.integers(0, 3))
programs: st.SearchStrategy[Program] = st.recursive(
    leaves,
    lambda inner: st.builds(Node, st.booleans(), st.lists(inner, min_size=2, max_size=4).map(tuple)),
    max_leaves=10,
)


def leaves_of(program: Program) -> list[Leaf]:
    if isinstance(program, Leaf):
        return [program]
    return [leaf for part in program.parts for leaf in leaves_of(part)]


def steps_of(program: Program) -> int:
    """How many results an undisturbed run of it records."""
    return sum({"emit": 0, "ask": 0, "nested": 2}.get(leaf.kind, 1) for leaf in leaves_of(program))


def is_sequence(program: Program) -> bool:
    return isinstance(program, Leaf) or (not program.parallel and all(map(is_sequence, program.parts)))


@dataclass
class World:
    """Plays a program as a workflow, and drops the run at given points."""

    program: Program
    cuts: list[int] = field(default_factory=list)
    recorded: set[str] = field(default_factory=set)
    repeated: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    engine: Engine | None = None
    cut: bool = False

    async def workflow(self, ui: AsyncUI, params: dict[str, Any]) -> str:
        transcript: list[str] = []
        await self._play(ui, self.program, "0", "0", transcript)
        return "done"

    async def _play(self, ui: AsyncUI, node: Program, path: str, branch: str, transcript: list[str]) -> None:
        if isinstance(node, Leaf):
            await self._leaf(ui, node, branch, transcript)
        elif node.parallel:
            async with asyncio.TaskGroup() as group:
                for number, part in enumerate(node.parts):
                    own = f"{path}.{number}"
                    group.create_task(self._play(ui, part, own, own, transcript))
        else:
            for number, part in enumerate(node.parts):
                await self._play(ui, part, f"{path}.{number}", branch, transcript)

    async def _leaf(self, ui: AsyncUI, leaf: Leaf, branch: str, transcript: list[str]) -> None:
        self._maybe_cut(ui)

        async def call(*_: object) -> str:
            self._called()
            for _turn in range(leaf.turns):
                await asyncio.sleep(0)
                self._maybe_cut(ui)
            return f"{leaf.kind} {branch}"

        async def flaky(*_: object) -> str:
            if self._called() == 1:
                raise ConnectionError("the first attempt fails")
            return f"{leaf.kind} {branch}"

        async def nested(*_: object) -> str:
            await ui.text_message(sender=branch, body="inside")
            said = await ui.step(call, branch)
            if self._called() == 1:
                raise ConnectionError("the first attempt fails")
            return said

        match leaf.kind:
            case "flaky" if leaf.turns % 2:
                await ui.text_message(sender=branch, body=await ui.step(flaky, branch, retries=1, backoff=0))
            case "flaky":
                while True:
                    with suppress(ConnectionError):
                        await ui.text_message(sender=branch, body=await ui.step(flaky, branch))
                        break
            case "nested":
                await ui.text_message(sender=branch, body=await ui.step(nested, branch, retries=1, backoff=0))
            case "emit":
                await ui.text_message(sender=branch, body="said")
            case "step":
                result = await ui.step(call, branch)
                await ui.text_message(sender=branch, body=str(result))
            case "talk":  # as agents do: what is asked is all that was said so far, by anybody
                transcript.append(str(await ui.step(call, branch, list(transcript))))
            case "ask":
                transcript.append(await ui.text_input(sender=branch, prompt="well?"))
            case "now":
                await ui.text_message(sender=branch, body=f"now {await ui.now()}")
            case "random":
                await ui.text_message(sender=branch, body=f"random {await ui.random()}")

    def _called(self) -> int:
        """Note a call; how many there were under this key, in all processes."""
        key = (current_step_key() or "").removeprefix(f"{run_id()}:")
        self.calls[key] += 1
        if key in self.recorded:
            self.repeated.append(key)
        return self.calls[key]

    def _maybe_cut(self, ui: AsyncUI) -> None:
        """Count the points that are passed; at the next cut drop the run right here."""
        if self.cuts and not self.cut:
            self.cuts[0] -= 1
            if self.cuts[0] < 0:
                self.cuts.pop(0)
                self.cut = True
                assert self.engine is not None
                self.engine.driver.evict(ui._run)

    async def run(self, folder: Path) -> list[LoggedMessage]:
        """Take the program to its end, in a new engine after each cut; the log."""
        lab = Lab(folder / "runs.sqlite3")
        lab.wf.register("program", "A random program")(self.workflow)
        self.engine = await lab.engine()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await lab.start(self.engine, "program")
                while not (record := await lab.run(self.engine)).status.ended:
                    for body in record.questions:
                        question = parse_message(body)
                        await self.engine.service.answer(run_id(), None, question.uuid, f"answer for {question.sender}")
                    if self.cut:
                        await lab.stop(self.engine)
                        self.engine = await lab.engine()
                        self.recorded |= set((await self.engine.store.load_log(run_id())).steps)
                        self.cut = False
                    await asyncio.sleep(0.001)
            self.recorded |= set((await self.engine.store.load_log(run_id())).steps)
            assert record.result == "done", await lab.log(self.engine)
            return await lab.log(self.engine)
        finally:
            await lab.close()
