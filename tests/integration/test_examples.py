"""The applications of `examples/`, started with the guide's own commands and walked through as the guide says."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.guide_client import TIMEOUT_S, GuideClient
from tests.integration.guide_process import EXAMPLES, GUIDE, Served, environment, free_port, program, served

V1_TYPES = {
    "text_message",
    "suggested_function_call",
    "function_call_execution",
    "text_input",
    "multiple_choice",
    "system_message",
    "keep_alive",
    "workflow_started",
    "workflow_completed",
    "error",
}


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    port = free_port()
    command = f"uvicorn main_1_fastapi:app --host 0.0.0.0 --port {port} --reload"
    with served(command, port, tmp_path_factory.mktemp("guide")) as process:
        yield process


def test_discovery_lists_the_workflows(backend: Served) -> None:
    workflows = httpx.get(f"{backend.url}/fastagency/discovery", timeout=TIMEOUT_S).json()
    assert [each["name"] for each in workflows] == ["simple_learning", "sign_up"]
    assert workflows[0]["description"] == "Student and teacher learning chat"


def test_the_learning_chat(backend: Served) -> None:
    client = GuideClient(backend.url, "simple_learning")
    messages = client.talk("Triangles")
    assert client.closed == 1000
    assert {message["type"] for message in messages} <= V1_TYPES
    assert all(set(message) >= {"type", "uuid", "workflow_uuid", "sender", "recipient", "auto_reply", "content"}
               and "seq" not in message for message in messages)  # fmt: skip
    assert {message["workflow_uuid"] for message in messages} == {client.reply["workflow_uuid"]}
    assert [message["type"] for message in messages[:2]] == ["workflow_started", "text_input"]
    assert messages[-1]["type"] == "workflow_completed"
    speakers = [m["sender"] for m in messages if m["type"] == "text_message" and m["sender"] in ("student", "teacher")]
    assert speakers == ["student", "teacher", "student", "teacher"]
    assert any("Triangles" in m["content"]["body"] for m in messages if m["sender"] == "teacher")


def test_every_kind_of_question_and_what_is_shown_between(backend: Served) -> None:
    client = GuideClient(backend.url, "sign_up")
    messages = client.talk("Ada", "wrong", "open sesame", "Arithmetic, the basics", "Monday,Friday")
    by_type = {message["type"]: message["content"] for message in messages}
    assert client.closed == 1000
    assert by_type["error"]["short"] == "That is not the access code."
    assert by_type["suggested_function_call"]["arguments"] == {
        "name": "Ada",
        "course": "Arithmetic, the basics",
        "days": ["Monday", "Friday"],
    }
    assert by_type["function_call_execution"]["retval"] == "ARI-003"
    assert by_type["workflow_completed"]["result"] == "Booking ARI-003"


def test_a_client_that_left_gets_everything_when_it_comes_back(backend: Served) -> None:
    client = GuideClient(backend.url, "sign_up")
    with client.attach() as websocket:
        first = [json.loads(websocket.recv(timeout=TIMEOUT_S)) for _ in range(2)]
        websocket.send("Ada")
        while json.loads(websocket.recv(timeout=TIMEOUT_S))["content"].get("password") is not True:
            pass
    messages = client.talk("open sesame", "Geometry", "[]")
    assert messages[0] == first[0]
    assert [m["content"].get("body") for m in messages[1:3]] == ["What is your name?", "Ada"]
    assert client.closed == 1000


def test_the_documented_list_of_message_types(backend: Served) -> None:
    """The guide promises the list in the OpenAPI specification."""
    schemas = httpx.get(f"{backend.url}/openapi.json", timeout=TIMEOUT_S).json()["components"]["schemas"]
    kinds = {schema.get("properties", {}).get("type", {}).get("const") for schema in schemas.values()}
    assert kinds >= V1_TYPES


@pytest.mark.parametrize(
    "command",
    [
        "gunicorn main_2_mesop:app -b 0.0.0.0:{port} --reload",
        "waitress-serve --listen=0.0.0.0:{port} main_2_mesop:app",
    ],
)
def test_the_page_is_served(command: str, backend: Served, tmp_path: Path) -> None:
    port = free_port()
    with served(command.format(port=port), port, tmp_path, {"FASTAGENCY_BACKEND_URL": backend.url}) as frontend:
        page = httpx.get(frontend.url, timeout=TIMEOUT_S)
        assert page.status_code == 200
        assert "<title>Learning Chat</title>" in page.text


def test_the_console(tmp_path: Path) -> None:
    ended = subprocess.run(
        [program("fastagency"), "run", "main_console.py", "--workflow", "simple_learning"],
        cwd=GUIDE,
        env=environment(tmp_path),
        input="Triangles\n",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert ended.returncode == 0, ended.stderr
    assert "What subject would you like to explore?" in ended.stdout
    assert "Completed" in ended.stdout


def test_a_client_in_another_language(backend: Served) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Install Node.js 20 or newer to run the client that is written in JavaScript.")
    ended = subprocess.run(
        [node, str(EXAMPLES / "custom_clients" / "node_client.mjs"), "--url", backend.url, "--workflow", "sign_up"],
        input="1\nopen sesame\nno such course\n3\n1,3\n",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert ended.returncode == 0, ended.stderr
    assert "'no such course' is not one of the choices." in ended.stdout
    assert "[workflow_completed] Workflow: Booking PRO-003" in ended.stdout
