"""The door to the frameworks imports none of them by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fastagency_backend.frameworks import MissingExtra

CODE = """
import sys
import fastagency_backend.frameworks
fastagency_backend.frameworks.install()
loaded = {name.partition(".")[0] for name in sys.modules} & {"autogen", "autogen_core", "autogen_agentchat", "openai"}
assert not loaded, loaded
"""
WITHOUT = """
import sys
for name in ("autogen_agentchat", "autogen_core", "autogen_ext"):
    sys.modules[name] = None
import fastagency_backend.frameworks
try:
    fastagency_backend.frameworks.model_client()
except fastagency_backend.frameworks.MissingExtra as error:
    print(error)
"""
PREPARED = """
import ssl, sys
import autogen_agentchat.agents
from fastagency_backend import frameworks
from fastagency_backend.frameworks.model_settings import ModelSettings
frameworks.prepare()
made = []
create = ssl.create_default_context
ssl.create_default_context = lambda *args, **options: made.append(1) or create(*args, **options)
before = {name.partition(".")[0] for name in sys.modules}
from fastagency_backend.frameworks.agentchat.model import model_client
model_client(ModelSettings(name="m", base_url="http://localhost:1/v1"))
print(made, {name.partition(".")[0] for name in sys.modules} - before)
"""


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_nothing_is_imported_before_it_is_needed() -> None:
    run(CODE)


def test_a_missing_extra_is_named() -> None:
    assert run(WITHOUT).strip() == str(MissingExtra("ui.model_client()", "agentchat"))
    with pytest.raises(ImportError, match=r'pip install "fastagency\[agentchat\]>=1"'):
        raise MissingExtra("x", "agentchat")


def test_what_takes_long_is_done_before_the_first_model_client() -> None:
    assert run(PREPARED).strip() == "[] set()"
