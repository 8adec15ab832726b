"""What a proxy says of the browser reaches the page, whichever server `fastagency` starts."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from tests.process.test_command import DEADLINE_S
from tests.process.test_page_held import page


@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_behind_a_proxy_on_https_nobody_else_can_plant_the_cookie(server: str, tmp_path: Path) -> None:
    with page(server, tmp_path, FASTAGENCY_ALLOW_ANONYMOUS="1", FASTAGENCY_ALLOWED_HOSTS="*") as url:
        asked = urllib.request.Request(url, headers={"X-Forwarded-Proto": "https"})
        with urllib.request.urlopen(asked, timeout=DEADLINE_S) as answer:
            cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-fastagency_visitor=")
    assert cookie.endswith("; Secure")
