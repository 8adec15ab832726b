"""A laboratory for workflows: the engine below is real."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.lab import Lab


@pytest.fixture
async def lab(tmp_path: Path, no_blocking: None) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path / "runs.sqlite3")
    yield lab
    await lab.close()
