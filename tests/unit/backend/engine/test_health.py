"""Health names the part that is not well."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastagency_backend.engine.chore import Chores
from fastagency_backend.engine.health import Examination, Health
from fastagency_backend.engine.lag import Lag
from fastagency_backend.store.base import StoreBroken, StoreError

from tests.fakes.lab import Lab


class FakeStore:
    """Answers, or raises what it is told to."""

    writes: Exception | None = None
    reads: Exception | None = None

    async def ensure_writable(self) -> None:
        if self.writes is not None:
            raise self.writes

    async def get_run(self, _run_id: str) -> None:
        if self.reads is not None:
            raise self.reads


def examination(store: Any, *, chores: Chores | None = None, lag: Lag | None = None) -> Examination:
    return Examination(store, chores or Chores(print), lag or Lag(), asyncio.Event())


async def test_all_is_well() -> None:
    assert await examination(FakeStore()).result() == Health(alive=True, unwell=())


@pytest.mark.parametrize(
    ("writes", "reads", "expected"),
    [
        (StoreError("full"), None, Health(alive=True, unwell=("writer",))),
        (None, StoreError("locked"), Health(alive=True, unwell=("database",))),
        (StoreBroken("gone"), StoreBroken("gone"), Health(alive=False, unwell=("writer", "database"))),
    ],
)
async def test_the_store(writes: Exception | None, reads: Exception | None, expected: Health) -> None:
    store = FakeStore()
    store.writes, store.reads = writes, reads
    found = await examination(store).result()
    assert found == expected
    assert not found.ready


async def test_a_chore_that_has_ended_does_not_come_back() -> None:
    async def chore() -> None:
        raise ValueError("a defect of ours")

    chores = Chores(print)
    chores.start("broken", chore)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await examination(FakeStore(), chores=chores).result() == Health(alive=False, unwell=("chores",))
    await chores.stop()


async def test_a_loop_that_is_late() -> None:
    lag = Lag()
    lag._late_s.append(60.0)
    assert (await examination(FakeStore(), lag=lag).result()).unwell == ("loop",)


async def test_many_who_ask_cost_one_look() -> None:
    store = FakeStore()
    looks: list[int] = []

    async def count() -> None:
        looks.append(1)

    store.ensure_writable = count  # type: ignore[method-assign]
    asked = examination(store)
    await asyncio.gather(*(asked.result() for _ in range(50)))
    assert len(looks) == 1


async def test_an_engine_says_so_when_it_is_about_to_stop(lab: Lab) -> None:
    engine = await lab.engine()
    assert (await engine.health()).ready
    engine.service.readers.send_home()
    engine._examination._found_at = float("-inf")
    assert (await engine.health()).unwell == ("stopping",)
