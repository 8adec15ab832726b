"""A process whose threads are traced (by a debugger, say) goes on after a `def` workflow has ended."""

from __future__ import annotations

import subprocess
import sys

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
