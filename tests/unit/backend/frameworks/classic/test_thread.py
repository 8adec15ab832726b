from __future__ import annotations

import asyncio
import contextvars
import socket
import threading
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastagency_backend.engine.bridge import RunEvicted, RunUnwound
from fastagency_backend.engine.context import entered
from fastagency_backend.frameworks.classic.thread import RunThread, ThreadingOfRuns, abandonable, in_own_loop, in_thread

COLOUR: contextvars.ContextVar[str] = contextvars.ContextVar("colour", default="none")


@pytest.fixture
def run() -> Any:
    """Enough of a run for a thread; its context ends with the test's."""
    return SimpleNamespace(id="0123456789", evicted=False)


def within(run: Any, call: Any) -> Any:
    def inside() -> Any:
        COLOUR.set("red")
        with entered(run):
            return call()

    return contextvars.copy_context().run(inside)


def colour_of_thread() -> str:
    seen: list[str] = []
    thread = RunThread(target=lambda: seen.append(COLOUR.get()))
    thread.start()
    thread.join()
    return seen[0]


def test_a_thread_of_a_run_keeps_the_context(run: Any) -> None:
    assert within(run, colour_of_thread) == "red"


def test_a_thread_outside_of_runs_begins_empty_as_always() -> None:
    COLOUR.set("red")
    assert colour_of_thread() == "none"


@pytest.mark.parametrize("gone", [RunUnwound("x"), RunEvicted("x")])
def test_a_thread_whose_run_is_dropped_ends_quietly(run: Any, gone: BaseException) -> None:
    def target() -> None:
        raise gone

    def start() -> None:
        thread = RunThread(target=target)
        thread.start()
        thread.join()

    within(run, start)  # pytest makes an unhandled exception of a thread a failure


def test_the_stand_in_is_otherwise_threading_itself() -> None:
    stand_in = ThreadingOfRuns(threading)
    assert stand_in.Thread is RunThread
    assert stand_in.Lock is threading.Lock


def test_a_call_gives_its_result_or_its_error(run: Any) -> None:
    assert within(run, lambda: abandonable(run, COLOUR.get)) == "red"
    with pytest.raises(ZeroDivisionError):
        within(run, lambda: abandonable(run, lambda: 1 // 0))


def test_a_call_is_left_when_the_run_is_dropped(run: Any) -> None:
    started, ended = threading.Event(), threading.Event()

    def call() -> None:
        try:
            run.evicted = True
            started.set()
            while True:
                pass
        finally:
            ended.set()

    with pytest.raises(RunUnwound):
        within(run, lambda: abandonable(run, call))
    assert started.is_set()
    assert ended.wait(10), "the call's thread is still busy"


def test_a_call_that_waits_for_the_network_is_left_while_a_debugger_traces(run: Any) -> None:
    left: list[type[BaseException]] = []

    def leave() -> None:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        try:
            within(run, lambda: abandonable(run, lambda: httpx.get(url, timeout=60)))
        except RunUnwound as unwound:
            left.append(type(unwound))

    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = threading.Thread(target=leave)
        before = threading.gettrace()
        threading.settrace(lambda *_: None)
        try:
            caller.start()
            connection, _ = server.accept()
        finally:
            threading.settrace(before)  # type: ignore[arg-type]
        with connection:
            connection.recv(1000)
            run.evicted = True
            caller.join(10)
            assert left == [RunUnwound]


async def test_a_blocking_call_can_be_awaited(run: Any) -> None:
    async def inside() -> str:
        COLOUR.set("red")
        loop_thread = threading.get_ident()
        with entered(run):
            colour, thread = await in_thread(lambda: (COLOUR.get(), threading.get_ident()))
        assert thread != loop_thread
        return colour

    assert await asyncio.create_task(inside()) == "red"


async def test_an_unwound_call_is_an_eviction_for_those_who_await_it() -> None:
    def call() -> None:
        raise RunUnwound("x")

    with pytest.raises(RunEvicted):
        await in_thread(call)


def test_a_coroutine_runs_to_its_end_from_blocking_code() -> None:
    async def coroutine(error: Exception | None) -> str:
        await asyncio.sleep(0)
        if error is not None:
            raise error
        return "done"

    assert in_own_loop(coroutine(None)) == "done"
    with pytest.raises(LookupError):
        in_own_loop(coroutine(LookupError()))


def test_an_eviction_in_a_coroutine_unwinds_the_blocking_code() -> None:
    async def coroutine() -> None:
        raise RunEvicted("x")

    with pytest.raises(RunUnwound):
        in_own_loop(coroutine())
