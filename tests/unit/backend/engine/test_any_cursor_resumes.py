"""Property: whoever follows a run, and comes back at any cursor at any time, sees exactly the log."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from fastagency_backend.engine import reader
from fastagency_backend.engine.engine import Engine
from fastagency_backend.engine.view import logged
from fastagency_backend.store.base import StoredEvent
from fastagency_shared.messages import LoggedMessage, TransientMessage, parse_message
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.lab import Lab, run_id, until
from tests.fakes.program import Program, World, programs

Seen = LoggedMessage | TransientMessage
all_stays = st.lists(st.lists(st.integers(1, 4), max_size=8), min_size=1, max_size=3)


async def follow(engine: Engine, stays: list[int]) -> list[Seen]:
    """Follow to the end; leave after each of `stays` messages, and come back with the cursor."""
    seen: list[Seen] = []
    stays = list(stays)
    while True:
        left = stays.pop(0) if stays else None
        batches = engine.service.readers.watch(run_id(), after=len(seen), beat_s=3600)
        async for batch in batches:
            events = [item for item in batch if isinstance(item, StoredEvent)]
            seen += [logged(event) for event in events[:left]]
            if left is not None:
                left -= min(left, len(events))
                if left == 0:
                    break
        else:
            return seen
        await batches.aclose()


async def run_and_follow(
    program: Program, watchers: list[list[int]], folder: Path
) -> tuple[list[list[Seen]], list[Seen]]:
    lab = Lab(folder / "runs.sqlite3")
    world = World(program)
    lab.wf.register("program", "A random program")(world.workflow)
    engine, elsewhere = await lab.engine(), await lab.engine()
    await lab.start(engine, "program")
    following = [
        asyncio.create_task(follow((engine, elsewhere)[number % 2], stays)) for number, stays in enumerate(watchers)
    ]

    async def answer_all() -> bool:
        record = await lab.run(engine)
        for body in record.questions:
            await engine.service.answer(run_id(), None, parse_message(body).uuid, "yes")
        return record.status.ended

    await until(answer_all)
    seen = await asyncio.wait_for(asyncio.gather(*following), 60)
    page = await engine.service.read(run_id(), None, after=0, limit=1000)
    await lab.close()
    return seen, [logged(event) for event in page.events]


@settings(max_examples=25)
@given(
    programs, st.lists(st.lists(st.integers(1, 4), max_size=8), min_size=1, max_size=3), st.sampled_from([1, 2, 500])
)
def test_any_cursor_resumes(program: Program, watchers: list[list[int]], page: int) -> None:
    before, reader.PAGE = reader.PAGE, page
    try:
        with tempfile.TemporaryDirectory() as folder:
            seen, log = asyncio.run(run_and_follow(program, watchers, Path(folder)))
    finally:
        reader.PAGE = before
    assert [message.seq for message in log] == list(range(1, len(log) + 1))
    for each in seen:
        assert each == log
