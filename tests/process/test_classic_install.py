"""What installing does to a process, each in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")

CHAT = """
from autogen import ConversableAgent
a = ConversableAgent("ann", llm_config=False, human_input_mode="NEVER")
b = ConversableAgent("bob", llm_config=False, human_input_mode="NEVER", default_auto_reply="I am bob")
a.initiate_chat(b, message="hello", max_turns=1)
"""

LATE = """
import sys
from fastagency_backend.frameworks import classic
assert "autogen" not in sys.modules, "importing the package imports the framework"
classic.install()
classic.install()
assert "autogen" not in sys.modules
assert not classic.is_response(object())
import autogen
from autogen.agentchat import conversable_agent
assert type(conversable_agent.threading).__name__ == "ThreadingOfRuns"
assert autogen.__spec__.loader.__class__.__name__ == "SourceFileLoader"
assert not any(type(finder).__name__ == "_Watch" for finder in sys.meta_path)
"""

EARLY = """
import autogen
from autogen.agentchat import conversable_agent
from fastagency_backend.frameworks import classic
before = conversable_agent.ConversableAgent.get_human_input
classic.install()
once = conversable_agent.ConversableAgent.get_human_input
classic.install()
assert before is not once
assert conversable_agent.ConversableAgent.get_human_input is once
"""


def python(program: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("program", [LATE, EARLY], ids=["before the import", "after the import"])
def test_install(program: str) -> None:
    python(program)


def test_outside_of_a_run_nothing_changes() -> None:
    installed, plain = (
        python("from fastagency_backend.frameworks import classic\nclassic.install()\n" + CHAT),
        python(CHAT),
    )
    assert "hello" in plain
    assert ID.sub("", installed) == ID.sub("", plain)
