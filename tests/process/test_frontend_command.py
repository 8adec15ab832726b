"""The frontend's commands as a shell starts them."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.fakes import page_application

ROOT = Path(__file__).parents[2]


def test_without_mesop_the_command_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "mesop.py").write_text("raise ModuleNotFoundError(\"No module named 'mesop'\", name='mesop')")
    done = subprocess.run(
        [sys.executable, "-m", "fastagency_frontend"],
        cwd=ROOT,
        env={"PYTHONPATH": str(tmp_path), "FASTAGENCY_FRONTEND_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == 'The page needs the "mesop" extra: pip install "fastagency[mesop]"\n'


def test_a_page_is_served_at_the_printed_address_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_FRONTEND_PORT", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [sys.executable, "-m", "fastagency_frontend.cli", "run", page_application.__file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Desk is at http://127.0.0.1:")
        with urllib.request.urlopen(line.split()[3], timeout=10) as reply:
            assert reply.read() == b"page"
        process.terminate()
        assert process.wait(10) == 0
