"""Every test of the engine runs with blocking calls on the loop refused."""

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
