"""What the public names do without: each import in a process where a package cannot be imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("fastagency", ["fastapi", "mesop", "httpx", "websockets", "autogen", "autogen_agentchat", "uvicorn"]),
        ("fastagency.adapters.fastapi", ["mesop", "autogen", "autogen_agentchat", "httpx", "websockets"]),
        ("fastagency.runtimes.autogen", ["mesop", "fastapi"]),
        ("fastagency.ui.console", ["mesop", "fastapi", "autogen", "autogen_agentchat"]),
    ],
)
def test_a_name_needs_only_the_packages_of_its_own_extra(module: str, without: list[str]) -> None:
    """Each package is made impossible to import; the import works all the same."""
    program = (
        f"import sys, importlib\nfor name in {without!r}: sys.modules[name] = None\nimportlib.import_module({module!r})"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [
        ("fastagency.adapters.fastapi", "fastapi", "fastapi"),
        ("fastagency.ui.mesop", "mesop", "mesop"),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(module: str, missing: str, extra: str) -> None:
    program = (
        f"import sys, json\nsys.modules[{missing!r}] = None\n"
        f"try:\n    import {module}\nexcept ImportError as error:\n    print(json.dumps(str(error)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, capture_output=True, text=True)
    assert f'pip install "fastagency[{extra}]>=1"' in json.loads(done.stdout)
