"""The steps of `deploy/Dockerfile`, without Docker: what it copies, the script that installs, and both processes, as a
user who may write to the data's folder and nowhere else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.process import Process, free_port
from tests.wheel.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="an image is built on Linux")

DEPLOY = ROOT / "deploy"
NOBODY = 65534


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that everybody can look into: pytest's own is the tester's alone."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def context(open_folder: Path) -> Path:
    """What Docker sends to the build: the files that the ignore file lets through."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = open_folder / "context"
    for name in (line.removeprefix("!") for line in lines if line.startswith("!")):
        source, target = ROOT / name, copied / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return copied


@pytest.fixture(scope="module")
def installed(uv: str, context: Path, open_folder: Path) -> Path:
    """The environment that the script makes; the sources are gone afterwards, as in the image."""
    target = open_folder / "opt" / "fastagency"
    path = os.pathsep.join([str(Path(uv).parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    clean = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    command = [str(context / "deploy" / "install.sh"), str(target)]
    done = subprocess.run(command, env=clean | {"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(context)
    return target


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return found


def somebody_else(installed: Path) -> int | None:
    """Nobody's number, if this is root and its Python is not in root's own folder."""
    try:
        python = (installed / "bin" / "python").resolve()
        return NOBODY if os.geteuid() == 0 and not subprocess.call([python, "-c", ""], user=NOBODY) else None
    except PermissionError:
        return None


class InImage(Process):
    """A process of the compose file: its command and its health check, as somebody who is not root."""

    def __init__(self, side: str, service: dict[str, Any], installed: Path, folder: Path, **settings: str) -> None:
        port = free_port()
        [health] = re.findall(r"http://127\.0\.0\.1:\d+(/[^']+)'", service["healthcheck"]["test"][-1])
        super().__init__(
            service["command"][1:],
            health,
            {f"FASTAGENCY_{side.upper()}_PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/", **settings},
            folder / f"{side}.log",
            port,
            python=str(installed / "bin" / service["command"][0]),
            folder=Path("/"),
            user=somebody_else(installed),
        )


@pytest.fixture(scope="module")
def running(installed: Path, services: dict[str, Any], open_folder: Path) -> Iterator[tuple[Process, Process, Path]]:
    """Backend and page, and the folder of the data."""
    data = open_folder / "data"
    data.mkdir(mode=0o700)
    if (user := somebody_else(installed)) is not None:
        os.chown(data, user, user)
    database = str(data / "runs.sqlite3")
    backend = InImage("backend", services["backend"], installed, open_folder, FASTAGENCY_DATABASE=database)
    page = InImage("frontend", services["frontend"], installed, open_folder, FASTAGENCY_BACKEND_URL=backend.url)
    with ExitStack() as started:
        for process in (backend, page):
            started.callback(process.stop)
            process.start()
        yield backend, page, data


def test_nothing_that_only_the_development_needs_is_installed(installed: Path) -> None:
    names = {path.name.partition("-")[0] for path in installed.glob("lib/python*/site-packages/*.dist-info")}
    assert {"fastagency", "fastapi", "mesop", "gunicorn", "uvicorn"} <= names
    assert not names & {"pytest", "mypy", "playwright", "ruff", "hypothesis"}


def test_versions_are_the_locked_ones(installed: Path) -> None:
    locked = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    program = "from importlib.metadata import version as v; print(v('fastapi'), v('mesop'), v('autogen'))"
    done = subprocess.run([installed / "bin" / "python", "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == [locked[name] for name in ("fastapi", "mesop", "autogen")]


def test_both_processes_answer_their_health_checks(running: tuple[Process, Process, Path]) -> None:
    """`running` has waited for them. The demo's workflows are there, and the page."""
    backend, page, _ = running
    assert httpx.get(f"{backend.url}/fastagency/discovery").json()
    assert "mesop-app" in httpx.get(page.url).text


def test_the_data_is_private_and_can_be_backed_up(running: tuple[Process, Process, Path], installed: Path) -> None:
    _, _, data = running
    for path in data.iterdir():
        assert path.lstat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    command = [str(installed / "bin" / "fastagency"), "backup", str(data / "backup.sqlite3")]
    settings = {"FASTAGENCY_DATABASE": str(data / "runs.sqlite3")}
    for _night in range(2):
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stderr
