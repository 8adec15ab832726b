"""Threads are woken a few in each turn of the loop: the first at once, and each in its order."""

from __future__ import annotations

import asyncio
import threading

from fastagency_backend.engine.waking import AT_ONCE, waking_of


def held(count: int) -> list[threading.Lock]:
    locks = [threading.Lock() for _ in range(count)]
    for lock in locks:
        lock.acquire()
    return locks


def woken(locks: list[threading.Lock]) -> int:
    """How many of the first locks are released; none after them is."""
    released = [not lock.locked() for lock in locks]
    assert released == sorted(released, reverse=True)
    return sum(released)


async def test_a_few_are_woken_at_once_and_the_others_in_the_turns_that_follow() -> None:
    locks = held(3 * AT_ONCE + 1)
    waking = waking_of(asyncio.get_running_loop())
    for lock in locks:
        waking.wake(lock)
    for turn in (1, 2, 3):
        assert woken(locks) == turn * AT_ONCE
        await asyncio.sleep(0)
    assert woken(locks) == len(locks)


async def test_what_comes_meanwhile_does_not_overtake() -> None:
    first, second = held(AT_ONCE + 1), held(AT_ONCE)
    waking = waking_of(asyncio.get_running_loop())
    for lock in first:
        waking.wake(lock)
    await asyncio.sleep(0)
    for lock in second:
        waking.wake(lock)
    assert woken(first + second) == 2 * AT_ONCE
    await asyncio.sleep(0)
    assert woken(first + second) == 2 * AT_ONCE + 1


async def test_after_a_pause_the_next_is_woken_at_once() -> None:
    waking = waking_of(asyncio.get_running_loop())
    for lock in held(2 * AT_ONCE):
        waking.wake(lock)
    for _ in range(4):
        await asyncio.sleep(0)
    (lock,) = held(1)
    waking.wake(lock)
    assert not lock.locked()
