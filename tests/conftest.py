"""What every test shares: Hypothesis without clocks, and a guard against blocking calls on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.audit import on_audit
from tests.databases import database, new_database, postgres, postgres_url

__all__ = ["database", "new_database", "postgres", "postgres_url"]  # the fixtures

BLOCKING = frozenset({"time.sleep", "sqlite3.connect", "socket.gethostbyname", "urllib.Request"})
"""Audit events of calls that may not be made in a thread whose event loop runs."""

# The machine that runs the tests may be busy: no example fails for being slow.
settings.register_profile(
    "fastagency", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("fastagency")

TESTS = Path(__file__).parent
ORDER = ("interop", "unit", "process", "contract", "integration", "wheel", "fault", "e2e")
"""What is quick comes first. Browsers come last: Playwright keeps an event loop in the main thread once it has begun,
and no other test could then run one."""

_guarding = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(item.path.relative_to(TESTS).parts[0]))


def _refuse_blocking(event: str) -> None:
    if _guarding and asyncio._get_running_loop() is not None:
        raise AssertionError(f"{event} was called on the event loop, which blocks everything else on it")


on_audit(BLOCKING, _refuse_blocking)  # cannot be taken back, so it looks at a flag


@pytest.fixture
def no_blocking() -> Iterator[None]:
    """Blocking calls on any event loop of this process raise; no clock decides."""
    global _guarding
    _guarding = True
    yield
    _guarding = False
