"""The wheel and the source distribution, built once; an environment that has the wheel and nothing of this checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.guide_process import EXAMPLES, Place
from tests.needed import missing

ROOT = Path(__file__).parents[2]
EXTRAS = "autogen,mesop,fastapi,server"
"""Those of the guide's install line."""
OWN_PACKAGES = ("backend", "frontend", "shared")
"""Packages that an application may well have itself, and that FastAgency once put at the top of site-packages."""

TIMEOUT_S = 400
"""Of one test: the first one pays for the environment, which may have to be downloaded."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/wheel/" in item.path.as_posix():
            item.add_marker(pytest.mark.wheel)
            item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def uv() -> str:
    """The program uv; without it the tests are skipped, but in CI they fail."""
    found = os.environ.get("UV") or shutil.which("uv")
    if found is None:
        missing("The tests of the wheel need uv on the PATH: pip install uv")
    return found


def run(*command: str) -> str:
    # Not of the environment around the tests: VIRTUAL_ENV must not win over --python.
    clean = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def built(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both distributions. The wheel is made from the sources in the other, so that these are complete."""
    folder = tmp_path_factory.mktemp("dist")
    run(uv, "build", "--quiet", "--python", sys.executable, "--out-dir", str(folder), str(ROOT))
    return folder


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    [found] = built.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def programs(uv: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a fresh environment: the guide's install line, with the locked versions."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    run(uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(environment))
    programs = environment / ("Scripts" if sys.platform == "win32" else "bin")
    lock = str(ROOT / "requirements.lock")
    requirement = f"fastagency[{EXTRAS}] @ {wheel.as_uri()}"
    run(uv, "pip", "install", "--quiet", "--python", str(programs / "python"), "--constraint", lock, requirement)
    return programs


@pytest.fixture(scope="session")
def application(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The guide's applications in a folder of a user, who has packages of those names; the workflows import them."""
    folder = tmp_path_factory.mktemp("user") / "application"
    shutil.copytree(EXAMPLES / "guide", folder)
    for place in (folder, folder / "classic"):
        own_packages(place)
        workflow = place / "workflow.py"
        imports = "".join(f"from {name} import NAME as {name}\n" for name in OWN_PACKAGES)
        workflow.write_text(f"{imports}assert (backend, frontend, shared) == {OWN_PACKAGES}\n{workflow.read_text()}")
    return Place(folder, str(programs))


def own_packages(folder: Path) -> None:
    """Packages of the user, which have nothing to do with FastAgency."""
    for name in OWN_PACKAGES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f'NAME = "{name}"\n')
