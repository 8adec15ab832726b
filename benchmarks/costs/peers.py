"""Our application and the bare one, side by side, and the order in which they are measured: bare, ours, bare, ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.server import Server, running

T = TypeVar("T")

LONGEST_S = 300.0
"""A round that takes longer has lost a message, and says so by ending."""


@dataclass(frozen=True)
class Extent:
    """How much is done: rounds, and the size of one. `small` is for a look whether everything runs."""

    rounds: int = 5
    small: bool = False
    quick: bool = False

    def of(self, full: int, small: int) -> int:
        return small if self.small else full


@dataclass(frozen=True)
class Peers:
    ours: Server
    bare: Server


@contextmanager
def peers(**settings: str) -> Iterator[Peers]:
    """Ours as it is shipped, the other under plain uvicorn; every commit of ours is flushed."""
    with (
        running("benchmarks.workflows:app", "/live", database_synchronous="FULL", **settings) as ours,
        running("benchmarks.bare:app", "/live", bare=True) as bare,
    ):
        yield Peers(ours, bare)


async def in_turn(both: Peers, rounds: int, measure: Callable[[Server], Awaitable[T]]) -> tuple[list[T], list[T]]:
    """What `measure` gives for ours and for the bare one, round by round."""
    ours: list[T] = []
    bare: list[T] = []
    for _ in range(rounds):
        async with asyncio.timeout(LONGEST_S):
            bare.append(await measure(both.bare))
            ours.append(await measure(both.ours))
    return ours, bare
