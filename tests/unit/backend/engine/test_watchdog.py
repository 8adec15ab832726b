"""A loop that stands still, in a thread of its own, with the real `faulthandler`."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastagency_backend.engine.containment import Contained
from fastagency_backend.engine.watchdog import Watchdog

RUN = SimpleNamespace(id="0123456789abcdef" * 2, tag=b"0123456789abcdef" * 2, abort=lambda _error: None)
LIMIT_S = 0.2


def spins(until: Callable[[], bool]) -> None:
    while not until():
        pass


def holds_the_lock(until: Callable[[], bool]) -> None:
    """One call into C that takes about four times as long as the limit."""
    text, took_s = "a" * 14 + "b", 0.0
    while took_s < LIMIT_S:
        text = "a" + text
        began = time.monotonic()
        re.match(r"(a+)+$", text)
        took_s = time.monotonic() - began
    re.match(r"(a+)+$", "aa" + text)


async def stand_still(folder: Path, hold: Callable[[Callable[[], bool]], None]) -> list[bool]:
    dog = Watchdog(folder, "worker", LIMIT_S, None)
    await dog.start()
    beating = asyncio.create_task(_forever(dog))
    well = [dog.well()]

    def seen() -> bool:
        if not dog.well():
            well.append(False)
        return dog._told

    async def work() -> None:
        await asyncio.sleep(0)
        hold(seen)

    await asyncio.Task(Contained(work(), RUN, dog))
    await asyncio.sleep(LIMIT_S)
    well.append(dog.well())
    beating.cancel()
    await dog.stop()
    assert list(folder.iterdir()) == []
    return well


async def _forever(dog: Watchdog) -> None:
    while True:
        await dog.beat()


@pytest.mark.parametrize("hold", [spins, holds_the_lock])
def test_it_names_the_run_and_the_line_and_the_worker_is_not_well_meanwhile(
    tmp_path: Path, hold: Callable[[Callable[[], bool]], None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        well = asyncio.run(stand_still(tmp_path, hold))
    told = [record for record in caplog.records if "has stood still for" in record.getMessage()]
    assert len(told) >= 1
    assert told[0].run_id == RUN.id  # type: ignore[attr-defined]
    assert __file__ in told[0].getMessage()
    assert f"in {hold.__name__}" in told[0].getMessage()
    assert "goes on after" in caplog.text
    assert well[0]
    if hold is spins:
        assert False in well


async def test_a_folder_that_cannot_be_written_costs_a_line_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dog = Watchdog(tmp_path / "missing", "worker", LIMIT_S, None)
    with caplog.at_level(logging.WARNING):
        await dog.start()
    assert "will not be recorded" in caplog.text
    await dog.beat()
    await dog.stop()
