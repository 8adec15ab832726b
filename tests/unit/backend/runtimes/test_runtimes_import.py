"""The door to the frameworks imports none of them by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backend.runtimes import MissingExtra

CODE = """
import sys
import backend.runtimes
backend.runtimes.install()
loaded = {name.partition(".")[0] for name in sys.modules} & {"autogen", "autogen_core", "autogen_agentchat", "openai"}
assert not loaded, loaded
"""
WITHOUT = """
import sys
for name in ("autogen_agentchat", "autogen_core", "autogen_ext"):
    sys.modules[name] = None
import backend.runtimes
try:
    backend.runtimes.model_client()
except backend.runtimes.MissingExtra as error:
    print(error)
"""


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_nothing_is_imported_before_it_is_needed() -> None:
    run(CODE)


def test_a_missing_extra_is_named() -> None:
    assert run(WITHOUT).strip() == str(MissingExtra("ui.model_client()", "agentchat"))
    with pytest.raises(ImportError, match=r'pip install "fastagency\[agentchat\]"'):
        raise MissingExtra("x", "agentchat")
