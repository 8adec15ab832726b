"""A laboratory for workflows: the engine below is real."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.databases import Database
from tests.fakes.lab import Lab


@pytest.fixture
async def lab(database: Database, no_blocking: None) -> AsyncIterator[Lab]:
    lab = Lab(database)
    yield lab
    await lab.close()
