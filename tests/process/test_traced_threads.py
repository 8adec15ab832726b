"""A process whose threads are traced (by a debugger, say) goes on after a `def` workflow has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys, threading
from fastagency_backend.workflow.interruption import Interruption

def ended():
    with Interruption("run").possible():
        pass

thread = threading.Thread(target=ended)
thread.start()
thread.join()
sys.settrace(lambda frame, event, argument: None)

def entered():
    return "entered"

print(entered())
"""


def test_functions_are_entered_after_a_thread_that_could_be_interrupted() -> None:
    """CPython 3.11 looked for ever for an exception that had been taken back."""
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout == "entered\n", ended.stderr


def test_threads_are_interrupted_where_nothing_is_traced() -> None:
    """The tests of it, in a process of their own: this one may be measured."""
    folder = Path(__file__).parents[2]
    tests = "tests/unit/backend/workflow/test_interruption.py"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", tests]
    untraced = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    ended = subprocess.run(command, cwd=folder, env=untraced, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "skipped" not in ended.stdout
