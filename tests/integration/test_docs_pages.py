"""The recipes of the docs do what they say: their code is saved and run, word for word."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastagency_backend.workflow import UI, Workflow
from fastapi import Header, HTTPException

from tests.integration.server import app_with, serve

DOCS = Path(__file__).parents[2] / "docs"
FILE = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"^```python\n(?!# \w+\.py\n)(.*?)^```", re.DOTALL | re.MULTILINE)
GENERATED = re.compile(r"<!-- generated: .*?<!-- /generated -->", re.DOTALL)
BASH = re.compile(r"^```bash\n(.*?)^```", re.DOTALL | re.MULTILINE)


def save_files(page: str, folder: Path) -> list[str]:
    """Save each block of code that begins with the name of a file; the names."""
    files = FILE.findall((DOCS / page).read_text(encoding="utf-8"))
    for name, code in files:
        (folder / name).write_text(code, encoding="utf-8")
    return [name for name, _ in files]


def run_pytest(folder: Path) -> str:
    (folder / "pytest.ini").write_text("[pytest]\n")  # not ours
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FASTAGENCY_", "OPENAI_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tests_of_the_page_on_testing_pass(tmp_path: Path) -> None:
    assert save_files("testing.md", tmp_path) == ["order.py", "conftest.py", "test_order.py", "test_restart.py",
                                                  "test_http.py"]  # fmt: skip
    assert "5 passed" in run_pytest(tmp_path)


def bearer(authorization: Annotated[str | None, Header()] = None) -> str:
    if authorization != "Bearer secret":
        raise HTTPException(status_code=401, detail="Please sign in.")
    return "nightly"


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs curl and jq: apt install curl jq")
@pytest.mark.parametrize("token", ["", "secret"], ids=["a claim", "a sign-in"])
def test_the_script_of_the_page_on_other_programs(tmp_path: Path, token: str) -> None:
    wf = Workflow()

    @wf.register(name="order", description="Order lunch")
    def order(ui: UI, params: dict[str, Any]) -> str:
        dish = ui.multiple_choice(prompt="What will it be?", choices=["soup", "salad"])
        return f"{dish} for table {params['table']}"

    blocks = BASH.findall((DOCS / "programs.md").read_text(encoding="utf-8"))
    app = app_with(tmp_path, wf, **({"get_user_id": bearer} if token else {}))
    with serve(app) as url:
        lines = "".join(blocks).replace("http://127.0.0.1:8008", url)
        command = ["bash", "-euo", "pipefail", "-c", lines]
        env = {**os.environ, "TOKEN": token}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    started, *said = done.stdout.splitlines()
    assert '"name":"order"' in started
    log = ["workflow_started", "multiple_choice", "input_answered", "workflow_completed"]
    numbered = [f"{number} {kind}" for number, kind in enumerate(log, start=1)]
    heard = [kind for kind in said[2 + len(log) : -1] if kind != "run_status"]
    assert said[:2] == ["completed", "soup for table 4"]
    assert (said[2 : 2 + len(log)], heard, said[-1]) == (numbered, log[2:], "completed")


def test_the_workflow_of_the_page_on_models(tmp_path: Path) -> None:
    save_files("models.md", tmp_path)
    review = '{"verdict": "good", "reason": "it is short"}'
    test = f"""
import json, review

def replay(*lines):
    able = dict.fromkeys(("function_calling", "json_output", "structured_output"), True)
    config = {{"chat_completions": list(lines), "model_info": {{"vision": False, "family": "unknown", **able}}}}
    return json.dumps({{"provider": "autogen_ext.models.replay.ReplayChatCompletionClient", "config": config}})

def test_review(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTAGENCY_DATABASE", str(tmp_path / "runs.sqlite3"))
    monkeypatch.setenv("FASTAGENCY_MODEL_CONFIG", replay("The sea is wide."))
    monkeypatch.setenv("STRICT_MODEL", replay({review!r}, "Sea"))
    provider = review.wf.create_provider()
    said = [m for m in provider.follow(provider.start("review", {{}}).workflow_uuid) if m]
    provider.close()
    assert said[-1].type == "workflow_completed", said[-1]
    assert said[-1].result == "Sea: good, because it is short"
    assert any((m.body or "").startswith("```json") for m in said if m.type == "text_message")
"""
    (tmp_path / "test_review.py").write_text(test, encoding="utf-8")
    assert "1 passed" in run_pytest(tmp_path)


def python_blocks(page: str) -> list[str]:
    """The blocks that neither belong to a file nor come from one."""
    return CODE.findall(GENERATED.sub("", (DOCS / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", ["workflow.md", "durability.md", "deployment.md", "people.md"])
def test_each_block_of_code_runs_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = python_blocks(page)
    assert blocks
    for number, code in enumerate(blocks, start=1):
        exec(compile(code, f"{page}, block {number}", "exec"), {"__name__": "example"})


def test_the_client_of_the_page_on_the_protocol(tmp_path: Path) -> None:
    wf = Workflow()

    @wf.register(name="simple_learning", description="Asks for a subject")
    def simple_learning(ui: UI, params: dict[str, Any]) -> str:
        return f"so {ui.text_input(sender='teacher', prompt='subject?')}"

    [client] = python_blocks("protocol.md")
    with serve(app_with(tmp_path, wf)) as url:
        command = [sys.executable, "-c", client.replace("http://127.0.0.1:8008", url)]
        done = subprocess.run(command, input="maths\n", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "{'result': 'so maths'}" in done.stdout.splitlines()[-1]
