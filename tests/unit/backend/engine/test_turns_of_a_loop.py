"""The turns of an event loop, counted once for all who wait for some of them to pass."""

from __future__ import annotations

import asyncio

import pytest
from fastagency_backend.engine.turns import Turns, turns_of


async def passed(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.mark.parametrize("before", range(4))
async def test_nobody_is_called_too_early_whenever_they_begin_to_wait(before: int) -> None:
    turns = Turns()
    called: list[str] = []
    turns.call_after(10, lambda: called.append("first"))
    await passed(before)
    turns.call_after(10, lambda: called.append("second"))
    await passed(9)
    assert "second" not in called
    await passed(3)
    assert called == ["first", "second"]


async def test_many_who_wait_cost_no_more_turns_than_one() -> None:
    turns = Turns()
    called: list[int] = []
    for number in range(1000):
        turns.call_after(30, lambda number=number: called.append(number))  # type: ignore[misc]
    await passed(40)
    assert called == list(range(1000))
    assert turns.now == 31, "and nothing is counted when nobody waits"


async def test_who_is_called_may_wait_again() -> None:
    turns = turns_of(asyncio.get_running_loop())
    assert turns is turns_of(asyncio.get_running_loop())
    again = asyncio.Event()

    def wait_again() -> None:
        turns.call_after(1, again.set)

    turns.call_after(1, wait_again)
    began = turns.now
    async with asyncio.timeout(10):
        await again.wait()
    assert turns.now - began <= 4
