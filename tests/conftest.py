"""What every test shares: Hypothesis without clocks, and a guard against blocking calls on an event loop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

BLOCKING = frozenset({"time.sleep", "sqlite3.connect", "socket.gethostbyname", "urllib.Request"})
"""Audit events of calls that may not be made in a thread whose event loop runs."""

# The machine that runs the tests may be busy: no example fails for being slow.
settings.register_profile(
    "fastagency", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("fastagency")

_guarding = False


def _refuse_blocking(event: str, args: tuple[Any, ...]) -> None:
    if _guarding and event in BLOCKING and asyncio._get_running_loop() is not None:
        raise AssertionError(f"{event}{args} was called on the event loop, which blocks everything else on it")


sys.addaudithook(_refuse_blocking)  # cannot be taken back, so it looks at a flag


@pytest.fixture
def no_blocking() -> Iterator[None]:
    """Blocking calls on any event loop of this process raise; no clock decides."""
    global _guarding
    _guarding = True
    yield
    _guarding = False
