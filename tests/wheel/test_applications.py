"""The guide's applications, with the guide's commands, from the wheel and from a user's folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from tests.integration.guide_client import TIMEOUT_S, GuideClient
from tests.integration.guide_process import Place, Served, environment, free_port, program, served

BACKEND = "uvicorn main_1_fastapi:app --host 0.0.0.0 --port {port} --reload"


@pytest.fixture(scope="module")
def backend(application: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    port = free_port()
    with served(BACKEND.format(port=port), port, tmp_path_factory.mktemp("backend"), place=application) as process:
        yield process


def learn(url: str, workflow: str) -> None:
    """A learning chat from the list of workflows to its end."""
    workflows = httpx.get(f"{url}/fastagency/discovery", timeout=TIMEOUT_S).json()
    assert workflow in [each["name"] for each in workflows]
    client = GuideClient(url, workflow)
    messages = client.talk("Triangles")
    assert client.closed == 1000
    assert messages[-1]["type"] == "workflow_completed"
    assert {"student", "teacher"} <= {message["sender"] for message in messages}


def test_the_backend(backend: Served) -> None:
    learn(backend.url, "simple_learning")


def test_the_backend_with_the_classic_api(application: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    port, folder = free_port(), tmp_path_factory.mktemp("classic")
    classic = replace(application, folder=application.folder / "classic")
    with served(BACKEND.format(port=port), port, folder, place=classic) as process:
        learn(process.url, "learning_chat")


@pytest.mark.parametrize(
    "command",
    [
        "gunicorn main_2_mesop:app -b 0.0.0.0:{port} --reload",
        "waitress-serve --listen=0.0.0.0:{port} main_2_mesop:app",
    ],
)
def test_the_page(command: str, application: Place, backend: Served, tmp_path_factory: pytest.TempPathFactory) -> None:
    port, folder = free_port(), tmp_path_factory.mktemp("page")
    reach = {"FASTAGENCY_BACKEND_URL": backend.url}
    with served(command.format(port=port), port, folder, reach, place=application) as page:
        shown = httpx.get(page.url, timeout=TIMEOUT_S)
        assert shown.status_code == 200
        assert "<title>Learning Chat</title>" in shown.text


def test_the_custom_client(application: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    port, folder = free_port(), tmp_path_factory.mktemp("custom")
    command = f"uvicorn main_fastapi_custom_client:app --host 0.0.0.0 --port {port} --reload"
    with served(command, port, folder, place=application) as process:
        assert "/fastagency/discovery" in httpx.get(process.url, timeout=TIMEOUT_S).text
        learn(process.url, "simple_learning")


def test_the_console(application: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
    ended = subprocess.run(
        [program("fastagency", application), "run", "main_console.py", "--workflow", "simple_learning"],
        cwd=application.folder,
        env=environment(tmp_path_factory.mktemp("console")),
        input="Triangles\n",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Completed" in ended.stdout
