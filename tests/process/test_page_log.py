"""The log of the page's process with `FASTAGENCY_LOG_FORMAT=json`: gunicorn's own lines are JSON too, each once."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from tests.integration.guide_process import free_port, served


def test_every_line_of_gunicorn_is_json_and_stands_once(tmp_path: Path) -> None:
    port = free_port()
    environment = {"FASTAGENCY_LOG_FORMAT": "json", "FASTAGENCY_FRONTEND_PORT": str(port)}
    with served("fastagency frontend", port, tmp_path, environment) as page:
        assert httpx.get(f"{page.url}/__fastagency__/health", timeout=60).json() == {"alive": True, "ready": True}
    lines = [line for line in page.log.read_text().splitlines() if not line.startswith("The page is at ")]
    entries = [json.loads(line) for line in lines]
    assert any(entry["message"].startswith("Listening at") for entry in entries)
    assert len(lines) == len(set(lines))
