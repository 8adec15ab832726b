"""The units that we ship, as systemd's own checker reads them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needed import missing

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
EXPOSURE_MAX = 2.5
"""Of 10, as `systemd-analyze security` counts. A service that nothing was done for has 9.6."""


@pytest.fixture
def checker() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        missing("The tests of the units need systemd-analyze: apt-get install systemd")
    return found


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, with a program and a user that this machine has."""
    program = Path(sys.executable).with_name("fastagency")
    copies = []
    for unit in sorted(UNITS.iterdir()):
        text = unit.read_text(encoding="utf-8").replace("/srv/fastagency/bin/fastagency", str(program))
        copies.append(tmp_path / unit.name)
        copies[-1].write_text(text.replace("User=fastagency\n", "User=daemon\n"), encoding="utf-8")
    return copies


def test_systemd_finds_nothing_wrong(checker: str, units: list[Path]) -> None:
    done = subprocess.run([checker, "verify", *units], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_mistake_would_be_found(checker: str, units: list[Path]) -> None:
    units[0].write_text(units[0].read_text(encoding="utf-8") + "\n[Service]\nLimitFiles=1\n", encoding="utf-8")
    done = subprocess.run([checker, "verify", units[0]], capture_output=True, text=True)
    assert "LimitFiles" in done.stderr


@pytest.mark.parametrize("side", ["backend", "frontend"])
def test_little_is_left_that_a_process_may_do(checker: str, units: list[Path], side: str) -> None:
    unit = next(each for each in units if each.name == f"fastagency-{side}.service")
    done = subprocess.run([checker, "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True)
    exposure = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert exposure is not None, done.stdout + done.stderr
    assert float(exposure[1]) <= EXPOSURE_MAX
    assert "\nLimitNOFILE=65536\n" in unit.read_text(encoding="utf-8")
