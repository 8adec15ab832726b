"""The server that `fastagency` starts stops when it is told to, without looking again and again whether it is."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest
import uvicorn
from fastagency_backend.web import server
from fastagency_backend.web.server import QuietServer
from fastapi import FastAPI


@pytest.fixture
def quiet() -> QuietServer:
    return QuietServer(uvicorn.Config(FastAPI(), port=0, log_config=None))


@pytest.fixture(params=[None, signal.SIGTERM], ids=["with nobody to tell it", "by a signal"])
def told(request: pytest.FixtureRequest) -> signal.Signals | None:
    number: signal.Signals | None = request.param
    return number


async def test_it_ends(quiet: QuietServer, told: signal.Signals | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TICK_S", 0.05 if told is None else 60.0)
    ticks = 0

    async def on_tick(counter: int) -> bool:
        nonlocal ticks
        ticks += 1
        return await uvicorn.Server.on_tick(quiet, counter)

    monkeypatch.setattr(quiet, "on_tick", on_tick)
    serving = asyncio.create_task(quiet.main_loop())
    while not ticks:
        await asyncio.sleep(0)
    if told is None:
        quiet.should_exit = True
    else:
        await asyncio.to_thread(quiet.handle_exit, told, None)
    await asyncio.wait_for(serving, 30)
    assert ticks == 2


async def test_a_signal_before_it_serves_is_not_forgotten(quiet: QuietServer) -> None:
    quiet.handle_exit(signal.SIGTERM, None)
    begun = time.monotonic()
    await quiet.main_loop()
    assert quiet.should_exit
    assert time.monotonic() - begun < server.TICK_S
