"""FastAgency is imported beside a user's own `backend`, `frontend` and `shared`, wherever these are.

In 1.0 it was not: the wheel had packages of these names, and `import fastagency` found the user's.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.wheel.conftest import OWN_PACKAGES, own_packages

MODULES = ("fastagency", "fastagency.adapters.fastapi", "fastagency.runtimes.autogen", "fastagency.ui.mesop")
PROGRAM = f"""
import importlib, json
names = {(*MODULES, *OWN_PACKAGES)!r}
print(json.dumps({{name: importlib.import_module(name).__file__ for name in names}}))
"""


@pytest.mark.parametrize("place", ["in the folder", "on the path"])
def test_each_finds_its_own(place: str, programs: Path, tmp_path: Path) -> None:
    own = (tmp_path / "application").resolve()
    own_packages(own)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [programs / "python", "-c", PROGRAM],
        cwd=own if place == "in the folder" else elsewhere,
        env=clean if place == "in the folder" else clean | {"PYTHONPATH": str(own)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = {name: Path(file) for name, file in json.loads(done.stdout).items()}
    assert {name for name, file in found.items() if file.is_relative_to(own)} == set(OWN_PACKAGES)
    assert {name for name, file in found.items() if file.is_relative_to(programs.parent)} == set(MODULES)
