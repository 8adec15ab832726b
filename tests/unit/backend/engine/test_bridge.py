from __future__ import annotations

import asyncio
import threading

import pytest
from fastagency_backend.engine.backlog import HIGH, LOW, Backlog
from fastagency_backend.engine.bridge import Bridge, RunEvicted, RunUnwound


async def thread_of() -> int:
    return threading.get_ident()


async def in_other_loop(bridge: Bridge) -> int:
    return await asyncio.to_thread(lambda: asyncio.run(bridge.cross(thread_of())))


async def test_whatever_the_loop_or_thread_the_work_is_done_on_the_engines_loop() -> None:
    bridge, here = Bridge("r"), threading.get_ident()
    assert await bridge.cross(thread_of()) == here
    assert await in_other_loop(bridge) == here
    assert await asyncio.to_thread(bridge.wait_for, thread_of()) == here
    with pytest.raises(RuntimeError, match="annotate `ui: AsyncUI`"):
        bridge.wait_for(thread_of())

    called: asyncio.Future[int] = bridge.loop.create_future()
    await asyncio.to_thread(bridge.call, lambda: called.set_result(threading.get_ident()))
    assert await called == here


async def test_a_thread_that_waits_is_told_how_it_ended() -> None:
    bridge = Bridge("r")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise LookupError("not there")

    async def is_cancelled() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    with pytest.raises(LookupError, match="not there"):
        await asyncio.to_thread(bridge.wait_for, fails())
    with pytest.raises(RunUnwound):
        await asyncio.to_thread(bridge.wait_for, is_cancelled())


async def test_a_closed_bridge_stops_whoever_tries_in_the_way_of_the_place() -> None:
    bridge = Bridge("r")
    bridge.close()
    with pytest.raises(RunEvicted):
        bridge.check()
    with pytest.raises(RunEvicted), bridge.held_open():
        pytest.fail("nothing happens on a closed bridge")
    with pytest.raises(RunUnwound):
        await asyncio.to_thread(bridge.check)
    with pytest.raises(RunUnwound):
        await asyncio.to_thread(bridge.wait_for, thread_of())


async def test_what_waits_is_freed_when_the_bridge_closes_and_at_once_when_it_has() -> None:
    bridge, freed = Bridge("r"), []
    bridge.when_closed(lambda: freed.append("waited"))
    assert freed == []
    bridge.close()
    bridge.when_closed(lambda: freed.append("late"))
    assert freed == ["waited", "late"]


async def test_a_thread_waits_for_room_until_there_is_some() -> None:
    backlog = Backlog(Bridge("r"))
    for _ in range(HIGH + 1):
        backlog.grow()
    backlog.wait_for_room()  # on the loop: nobody waits
    waiting = asyncio.create_task(asyncio.to_thread(backlog.wait_for_room), name="waiting")
    draining = asyncio.create_task(backlog.drain(), name="draining")
    while backlog.size > LOW + 1:
        backlog.shrink()
    await asyncio.sleep(0)
    assert not draining.done()
    backlog.shrink()
    await asyncio.gather(waiting, draining)


async def test_a_thread_that_waits_for_room_is_unwound_when_the_run_is_dropped() -> None:
    bridge = Bridge("r")
    backlog = Backlog(bridge)
    for _ in range(HIGH + 1):
        backlog.grow()
    waiting = asyncio.create_task(asyncio.to_thread(backlog.wait_for_room), name="waiting")
    draining = asyncio.create_task(backlog.drain(fully=True), name="draining")
    await asyncio.sleep(0.01)
    bridge.close()
    with pytest.raises(RunUnwound):
        await waiting
    with pytest.raises(RunEvicted):
        await draining
