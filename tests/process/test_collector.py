"""What is loaded before the first run is no business of Python's collector any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import gc
from fastagency.adapters.fastapi import FastAPIAdapter
from fastagency import Workflow
from fastapi import FastAPI
from fastapi.testclient import TestClient

def served():
    app = FastAPI()
    app.include_router(FastAPIAdapter(provider=Workflow()).router)
    with TestClient(app) as client:
        assert client.get("/fastagency/health").status_code == 200
    return gc.get_freeze_count()

first = served()
assert first > 10_000, first
assert served() <= first, "what one application leaves is not kept for the next one's sake"
assert gc.isenabled()
"""


def test_the_collector_passes_over_what_was_loaded_once_and_for_all(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", CODE], check=True, cwd=tmp_path)
