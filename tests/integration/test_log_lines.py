"""The log of a backend that was started with a plain `uvicorn` command: a run that fails can be found by its id."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.integration.guide_process import free_port, served

APPLICATION = """
import logging

from fastagency import UI, Workflow
from fastagency.adapters.fastapi import FastAPIAdapter
from fastapi import FastAPI

logger = logging.getLogger("shop")
wf = Workflow()


@wf.register(name="order", description="Buys something")
def order(ui: UI, params: dict) -> str:
    logger.info("looking for %s", params["thing"])
    raise ValueError("no such thing")


app = FastAPI()
app.include_router(FastAPIAdapter(provider=wf).router)
"""


@contextmanager
def failed_run(folder: Path, **environment: str) -> Iterator[tuple[str, Path]]:
    """The id of a run that has failed, and the log of its process."""
    (folder / "shop.py").write_text(APPLICATION)
    port = free_port()
    command = f"uvicorn shop:app --app-dir {folder} --port {port}"
    with served(command, port, folder, environment) as process:
        body = {"workflow_name": "order", "user_id": "anna", "params": {"thing": "a bicycle"}}
        reply = httpx.post(f"{process.url}/fastagency/initiate_workflow", json=body, timeout=60).json()
        yield reply["workflow_uuid"], process.log


def text_when(path: Path, complete: Callable[[str], bool]) -> str:
    deadline = time.monotonic() + 60
    while not complete(text := path.read_text()):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


def test_as_text(tmp_path: Path) -> None:
    with failed_run(tmp_path) as (run, log):
        text = text_when(log, lambda text: "The run is failed" in text)
    about = f"[run_id={run} workflow=order user=anna]"
    assert f" INFO shop {about}: looking for a bicycle\n" in text
    assert f" ERROR fastagency_backend.engine.attempt {about}: The workflow 'order' failed (error)\nTraceback" in text
    assert "ValueError: no such thing" in text


def test_as_json(tmp_path: Path) -> None:
    with failed_run(tmp_path, FASTAGENCY_LOG_FORMAT="json") as (run, log):
        text = text_when(log, lambda text: "The run is failed" in text)
    entries = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    about = {"run_id": run, "workflow": "order", "user": "anna"}
    of_run = [entry for entry in entries if about.items() <= entry.items()]
    assert [entry["message"] for entry in of_run] == [
        "The run of 'order' starts",
        "looking for a bicycle",
        "The workflow 'order' failed (error)",
        "The run is failed",
    ]
    assert "ValueError: no such thing" in of_run[2]["exc_info"]
    assert any(entry["logger"] == "uvicorn.access" for entry in entries)


@pytest.mark.parametrize(("asked", "lines"), [({}, 0), ({"FASTAGENCY_ACCESS_LOG": "true"}, 1)])
async def test_requests_are_logged_where_that_is_asked_for(tmp_path: Path, asked: dict[str, str], lines: int) -> None:
    port = free_port()
    environment = asked | {"FASTAGENCY_BACKEND_PORT": str(port)}
    with served("fastagency backend", port, tmp_path, environment) as process:
        assert httpx.get(f"{process.url}/fastagency/discovery", timeout=60).status_code == 200
        async with connect(f"ws://127.0.0.1:{port}/fastagency/ws", compression="deflate") as socket:
            assert socket.protocol.extensions == [], "nothing is compressed"
    log = process.log.read_text()
    assert log.count("GET /fastagency/discovery") == lines
    assert "Traceback" not in log
