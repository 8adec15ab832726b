"""Hints that come close together are told as one; those that do not end are told less and less often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import pytest
from fastagency_backend.store.coalesced import PAUSE_S, Coalesced

Told = list[tuple[set[str], bool]]


class Pauses:
    """The pauses that were asked for of a loop, which end when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[float] = []
        self._then: Callable[[], None] | None = None
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", self._call_later, raising=False)

    def _call_later(self, pause_s: float, then: Callable[[], None], *_: Any) -> None:
        self.asked.append(pause_s)
        self._then = then

    def end(self) -> None:
        assert self._then is not None
        self._then()


def gatherer(told: Told, longest_s: float) -> Coalesced:
    def hand_on(ids: Collection[str], ready: bool) -> None:
        told.append((set(ids), ready))

    return Coalesced(hand_on, longest_s)


async def test_the_first_hint_goes_at_once_and_those_that_follow_together(monkeypatch: pytest.MonkeyPatch) -> None:
    told: Told = []
    pauses = Pauses(monkeypatch)
    hints = gatherer(told, PAUSE_S)
    hints.add(["a"], ready=False)
    await asyncio.sleep(0)
    assert told == [({"a"}, False)]
    hints.add(["b"], ready=False)
    hints.add(["c", "b"], ready=True)
    assert len(told) == 1
    pauses.end()
    assert told[1:] == [({"b", "c"}, True)]


async def test_hints_without_end_are_gathered_for_longer_until_there_is_a_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: Told = []
    pauses = Pauses(monkeypatch)
    hints = gatherer(told, 8 * PAUSE_S)
    for _ in range(6):
        hints.add(["a"], ready=False)
        if told:
            pauses.end()
        await asyncio.sleep(0)
    assert pauses.asked == [PAUSE_S * factor for factor in (1, 2, 4, 8, 8, 8)]
    pauses.end()  # nothing has come
    hints.add(["a"], ready=False)
    await asyncio.sleep(0)
    assert len(told) == 7
    assert pauses.asked[-1] == PAUSE_S
