"""Recorded results are given out in the order in which they once came."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fastagency_backend.engine import replay as replay_module
from fastagency_backend.engine.replay import Replay
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.lab import until


async def _ask_all(replay: Replay, keys: list[str]) -> list[str]:
    given_out: list[str] = []

    async def one(key: str) -> None:
        await replay.turn(key)
        given_out.append(key)

    await asyncio.gather(*(one(key) for key in keys))
    return given_out


@given(st.integers(0, 8).flatmap(lambda n: st.permutations([str(i) for i in range(n)])))
def test_any_order_of_asking_gets_the_recorded_order(asked: list[str]) -> None:
    async def play() -> None:
        replay = Replay(sorted(asked))
        assert replay.active == bool(asked)
        assert await _ask_all(replay, asked) == sorted(asked)
        assert not replay.active

    asyncio.run(play())


async def test_agents_that_work_side_by_side_meet_each_others_results_as_before() -> None:
    """Each agent asks for its next result only when it has the one before; the recorded order runs across agents."""
    past = ["a1", "b1", "b2", "a2", "b3", "a3"]
    replay = Replay(past)
    seen: list[str] = []

    async def agent(name: str) -> None:
        for number in (1, 2, 3):
            await replay.turn(f"{name}{number}")
            seen.append(f"{name}{number}")

    await asyncio.gather(agent("b"), agent("a"))
    assert seen == past


async def test_what_is_not_recorded_need_not_wait() -> None:
    replay = Replay(["1"])
    async with asyncio.timeout(30):
        await replay.turn("new")
    assert replay.active


async def test_a_result_is_given_out_once_in_its_turn() -> None:
    replay = Replay(["1", "2"])
    await replay.turn("1")
    async with asyncio.timeout(30):
        await replay.turn("1")
        await replay.turn("2")
    assert not replay.active


async def test_code_that_asks_for_less_than_before_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "PATIENCE_S", 0.001)
    replay = Replay([str(number) for number in range(6)])
    async with asyncio.timeout(30):
        assert await _ask_all(replay, ["5", "1", "3"]) == ["1", "3", "5"]
    assert replay.active


async def test_a_cancelled_asker_does_not_stop_the_others() -> None:
    replay = Replay(["1", "2"])
    first = asyncio.create_task(replay.turn("1"))
    second = asyncio.create_task(replay.turn("2"))
    await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(30):
        await second
    assert first.cancelled() or first.done()


async def test_new_results_are_given_out_as_a_replay_will_do_it() -> None:
    """One after the other, each when the code has done what the one before set off."""
    seen: list[str] = []

    async def agent(name: str, turn: Callable[[], Awaitable[None]]) -> None:
        await turn()
        seen.append(f"{name} hears")
        for _ in range(replay_module.SETTLE_TURNS // 2):
            await asyncio.sleep(0)
        seen.append(f"{name} is through")

    live, replay = Replay([]), Replay(["1", "2"])
    await asyncio.gather(agent("1", live.new), agent("2", live.new))
    met, seen = seen, []
    await asyncio.gather(agent("1", lambda: replay.turn("1")), agent("2", lambda: replay.turn("2")))
    assert met == seen == ["1 hears", "1 is through", "2 hears", "2 is through"]


async def test_what_is_not_asked_for_any_more_ends_the_replay_with_the_first_new_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay_module, "NEW_RESULT_PATIENCE_S", 0.001)
    monkeypatch.setattr(replay_module, "PATIENCE_S", 0.001)
    replay = Replay(["1", "dropped", "2", "late"])
    async with asyncio.timeout(30):
        await replay.turn("1")
        await replay.turn("2")
        assert replay.active
        await replay.new()
        assert not replay.active
        late = asyncio.create_task(replay.turn("late"))
        await asyncio.sleep(0)
        assert replay.active, "one of them is asked for after all"
        await late
        await until(lambda: not replay.active)
