"""The servers are set up as the settings say."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from fastagency_frontend.command.serve import default_server, gunicorn_options
from fastagency_frontend.settings import FrontendSettings

ROOT = Path(__file__).parents[4]


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run on Windows")
def test_gunicorn_reads_the_same_settings_from_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_FRONTEND_THREADS", "12")
    found = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    options = gunicorn_options(FrontendSettings())
    assert options["threads"] == 12
    assert {name: found[name] for name in options} == options
    assert default_server() == "gunicorn"


def test_an_address_of_ip_version_6_is_told_from_its_port() -> None:
    assert gunicorn_options(FrontendSettings(frontend_host="::1"))["bind"] == "[::1]:8888"
