"""Of Mesop's routes the page has those that it needs, and none of them fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastagency_frontend.app import FastAgency
from fastagency_frontend.page.mesop_routes import MESOP_MODULES
from werkzeug.test import Client

from tests.unit.frontend.page.mesop_client import MesopClient


def test_scripts_of_the_working_folder_are_not_served(
    http: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.js").write_text("secret")
    for path in ("secret.js", "./secret.js", "x/../secret.js", "%2fsecret.js", "secret.css", "frontend/x.js"):
        assert http.get(f"{MESOP_MODULES}/{path}").status_code == 404
    assert http.get(MESOP_MODULES).status_code == 200  # a page like any other that Mesop does not know


@pytest.mark.parametrize(
    "path",
    ["/nosuch.js", "/a/b.png", "/.env", "/../x.js", "/%2e%2e/%2e%2e/server.py", "/%ff.js", "/x%00.js", "/\\x.js"],
)
def test_a_file_that_is_not_there_is_not_found(http: Client, path: str) -> None:
    assert http.get(path).status_code == 404


def test_mesops_own_files_are_served(http: Client) -> None:
    assert http.get("/prod_bundle.js", buffered=True).status_code == 200


@pytest.mark.parametrize("body", [b"", b"x", b"{}", b'{"csp-report": {"violated-directive": "img-src"}}', b"\xff" * 99])
def test_no_report_of_a_violated_policy_fails(http: Client, body: bytes) -> None:
    answer = http.post("/__csp__", data=body, content_type="application/csp-report")
    assert answer.status_code == 204


def test_the_policy_says_where_forms_lead_and_what_addresses_are_relative_to(http: Client) -> None:
    policy = http.get("/").headers["Content-Security-Policy"].split("; ")
    assert {"form-action 'self'", "base-uri 'self'", "object-src 'none'"} <= set(policy)
    assert len({directive.partition(" ")[0] for directive in policy}) == len(policy)


@pytest.mark.parametrize("path", ["/", "/__ui__", "/__fastagency__/pulse", "/nosuch.js"])
def test_no_header_fails_that_holds_other_characters_than_ascii(http: Client, path: str) -> None:
    for name in ("Authorization", "Cookie", "Host", "Origin", "Referer", "User-Agent", "X-Forwarded-Proto", "Accept"):
        answer = http.open(path, method="POST" if path == "/__ui__" else "GET", headers={name: "J\xf6rg"})
        assert answer.status_code < 500, name
    answer = http.get("/__fastagency__/pulse", headers={"Authorization": "J\xf6rg"})
    assert answer.json == {"gone": "The header authorization of this request may only hold ASCII characters."}


def test_a_state_that_cannot_be_read_is_not_told_again(app: FastAgency) -> None:
    page = MesopClient(app)
    key = next(key for key in page.keys if key.startswith("start"))
    page._states.states[0].data = json.dumps({"nosuch": "a-secret"})
    with pytest.raises(AssertionError) as caught:
        page.click(key)
    assert "a-secret" not in str(caught.value)
    assert "reload" in str(caught.value)
