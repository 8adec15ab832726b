"""A unit test starts no process: that takes half a second, and what it shows belongs in `tests/process`.

The PostgreSQL that some of them run on, too, is started once for the session, before any of them begins.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.audit import on_audit

STARTS = frozenset({"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"})
"""Audit events of what starts a process."""

_guarding = False


def _refuse_processes(event: str) -> None:
    if _guarding:
        raise AssertionError(f"{event} in a unit test: move the test to tests/process")


on_audit(STARTS, _refuse_processes)  # cannot be taken back, so it looks at a flag


@pytest.fixture(autouse=True)
def _no_process() -> Iterator[None]:
    global _guarding
    _guarding = True
    yield
    _guarding = False
