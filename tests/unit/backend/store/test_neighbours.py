"""Signals between the processes of one machine: they reach those who watch, and no dead neighbour is in the way."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from fastagency_backend.store.sqlite.neighbours import MAX_BYTES, NeighbourSignals, meeting_place

from tests.fakes.bus import Ear
from tests.fakes.lab import run_id, until

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="There are no such sockets here.")


@asynccontextmanager
async def process(database: Path) -> AsyncIterator[tuple[NeighbourSignals, Ear]]:
    signals, ear = NeighbourSignals(database), Ear()
    await signals.open(ear)
    try:
        yield signals, ear
    finally:
        await signals.close()


async def test_what_is_shown_reaches_the_neighbours_that_watch_and_a_wish_all(tmp_path: Path) -> None:
    database = tmp_path / "runs.sqlite3"
    async with AsyncExitStack() as stack:
        here, ear_here = await stack.enter_async_context(process(database))
        there, ear_there = await stack.enter_async_context(process(database))
        _, ear_else = await stack.enter_async_context(process(database))
        _, stranger = await stack.enter_async_context(process(tmp_path / "another.sqlite3"))
        there.watch(run_id(1))
        texts = ["short", "ü" * (MAX_BYTES // 2), "last"]
        for text in texts:
            here.show(run_id(1), text)
        here.want(run_id(2))
        await until(lambda: ear_there.wanting and ear_else.wanting)
        assert ear_there.texts == [(run_id(1), text) for text in texts]
        assert ear_else.texts == []
        for ear in (ear_here, stranger):
            assert (ear.ids, ear.texts, ear.wanting) == ([], [], [])
        await asyncio.to_thread(there.changed)
        await until(lambda: ear_there.anything == 1 and ear_there.ready == 1)


async def test_a_neighbour_that_was_killed_is_cleared_away(tmp_path: Path) -> None:
    database = tmp_path / "runs.sqlite3"
    dead = meeting_place(database) / "dead"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left_behind:
        left_behind.bind(str(dead))
    async with AsyncExitStack() as stack:
        here, _ = await stack.enter_async_context(process(database))
        there, ear = await stack.enter_async_context(process(database))
        there.watch(run_id(1))
        here.show(run_id(1), "text")
        await until(lambda: ear.texts)
        assert not dead.exists()
    assert [*tmp_path.iterdir()] == []


async def test_a_neighbour_that_does_not_listen_holds_nobody_up(tmp_path: Path) -> None:
    database = tmp_path / "runs.sqlite3"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(meeting_place(database) / "deaf"))
        async with process(database) as (here, _), process(database) as (there, ear):
            there.watch(run_id(1))
            for number in range(300):
                here.show(run_id(1), f"{number} " + "x" * 10_000)
                await asyncio.sleep(0)
            await until(lambda: ear.texts)


async def test_a_long_path_has_its_sockets_elsewhere_and_only_its_user_can_enter(tmp_path: Path) -> None:
    for database in (tmp_path / "runs.sqlite3", tmp_path / ("long" * 40) / "runs.sqlite3"):
        place = meeting_place(database)
        assert meeting_place(database) == place
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert not str(place).startswith(str(tmp_path))
    place.rmdir()


async def test_a_folder_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    database = tmp_path / "runs.sqlite3"
    os.chmod(meeting_place(database), 0o777)
    async with process(database) as (signals, _):
        assert signals.max_bytes == 0
        signals.show(run_id(1), "to nobody")
        signals.want(run_id(1))


async def test_who_comes_greets_the_others_and_learns_whether_there_are_any(tmp_path: Path) -> None:
    database, met = tmp_path / "runs.sqlite3", []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left_behind:
        left_behind.bind(str(meeting_place(database) / "dead"))
    first, second = NeighbourSignals(database), NeighbourSignals(database)
    first.met, second.met = lambda: met.append("first"), lambda: met.append("second")
    await first.open(Ear())
    assert first.hears_of_others
    assert met == []
    await second.open(Ear())
    await until(lambda: len(met) == 2)
    assert met == ["second", "first"]
    await first.close()
    await second.close()
    assert not second.hears_of_others
