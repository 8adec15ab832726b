"""`GET .../health` over real HTTP: without signing in, under the adapter's folder, and 503 with what is ill."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from fastapi import HTTPException

from tests.integration.server import app_with, serve


def nobody() -> str:
    raise HTTPException(401)


@pytest.mark.parametrize("folder", ["/fastagency", "/api/chat"])
def test_a_well_backend(folder: str, tmp_path: Path) -> None:
    with serve(app_with(tmp_path, discovery_path=f"{folder}/discovery", get_user_id=nobody)) as url:
        assert httpx.get(f"{url}{folder}/discovery").status_code == 401
        answer = httpx.get(f"{url}{folder}/health")
    assert answer.status_code == 200
    assert answer.json() == {"alive": True, "ready": True}


def test_a_database_that_was_deleted(tmp_path: Path) -> None:
    with serve(app_with(tmp_path)) as url:
        assert httpx.get(f"{url}/fastagency/health").status_code == 200
        for path in (tmp_path / f"runs.sqlite3{part}" for part in ("", "-wal", "-shm")):
            path.unlink()
        deadline = time.monotonic() + 60
        while (answer := httpx.get(f"{url}/fastagency/health", timeout=60)).status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    found = answer.json()
    assert set(found.pop("unwell")) - {"chores"} == {"writer"}, "a chore may have come upon it before"
    assert found == {"alive": False, "ready": False}
    assert str(tmp_path) not in answer.text
