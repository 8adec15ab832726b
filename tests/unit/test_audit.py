"""The guards of the tests stop what they are about, and are no burden to anything else."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading

import pytest

THREADS, TIMES = 4, 3000


async def test_a_blocking_call_on_the_loop_is_refused(no_blocking: None) -> None:
    with pytest.raises(AssertionError, match=r"sqlite3\.connect"):
        sqlite3.connect(":memory:")
    await asyncio.to_thread(lambda: sqlite3.connect(":memory:").close())


def test_a_process_is_refused() -> None:
    with pytest.raises(AssertionError, match="tests/process"):
        subprocess.run(["true"])


def test_trace_functions_are_installed_in_several_threads_at_once() -> None:
    """As coverage does in each thread that begins."""
    errors: list[RuntimeError] = []

    def trace() -> None:
        try:
            for _ in range(TIMES):
                sys.settrace(lambda *_: None)
                sys.settrace(None)
        except RuntimeError as error:
            errors.append(error)

    threads = [threading.Thread(target=trace) for _ in range(THREADS)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not errors
