"""Our routes around Mesop: the page needs nothing from outside, and visitors see their own conversations only."""

from __future__ import annotations

import json
import posixpath
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastagency_frontend.app import FastAgency
from fastagency_frontend.page import MesopUI, asset
from fastagency_shared.provider import Caller
from werkzeug.test import Client

from tests.fakes.provider import FakeProvider
from tests.fakes.scripts import demo_provider


def test_the_page_names_nothing_outside(http: Client) -> None:
    answer = http.get("/")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "<title>Class</title>" in text
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", text)
    policy = answer.headers["Content-Security-Policy"]
    assert "googleapis" not in policy + text
    assert "gstatic" not in policy + text
    assert "img-src 'self' data:;" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_everything_the_page_names_is_served(http: Client) -> None:
    text = http.get("/").get_data(as_text=True)
    named = [name for name in re.findall(r'(?:src|href)="(/[^"]+)"', text) if "__fastagency__" in name]
    assert len(named) == 4
    for name in named:
        answer = http.get(name)
        assert answer.status_code == 200, name
        assert "immutable" in answer.headers["Cache-Control"]


def test_style_sheets_and_modules_name_only_files_that_exist() -> None:
    for name, found in asset.ASSETS.items():
        text = found.body.decode() if name.endswith((".js", ".css")) else ""
        for wanted in re.findall(r"""(?:from|import|url\()\s*["']([./\w-]+\.\w+)["']""", text):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), wanted))
            # Types are for the checker, and named in comments only.
            assert path in asset.ASSETS or path.endswith(".d.ts"), f"{name} names {wanted}"


def test_a_style_sheet_is_sent_with_those_it_imports() -> None:
    sheets = {name: found.body for name, found in asset.ASSETS.items() if name.endswith(".css")}
    assert [name for name, body in sheets.items() if b"@import" in body] == []
    assert sheets["style/base.css"] in sheets["style/transcript.css"]


def test_only_a_newcomer_gets_a_cookie(app: FastAgency, http: Client) -> None:
    assert "Set-Cookie" not in http.get("/").headers
    newcomer = Client(app)
    assert "fastagency_visitor=" in newcomer.get("/").headers["Set-Cookie"]
    assert "Set-Cookie" not in newcomer.get("/").headers


@pytest.mark.parametrize("name", ["../wsgi.py", "%2e%2e/wsgi.py", "fonts/", "nosuch.js", ""])
def test_other_files_are_not_served(http: Client, name: str) -> None:
    assert http.get(f"/__fastagency__/{asset.VERSION}/{name}").status_code == 404


def test_an_old_version_of_a_file_is_not_kept_by_browsers(http: Client) -> None:
    assert http.get("/__fastagency__/000000000000/style/page.css").headers["Cache-Control"] == "no-store"


def test_our_routes_only_read(http: Client) -> None:
    assert http.post("/__fastagency__/pulse").status_code == 405


def test_the_health_of_the_process_needs_no_visitor(app: FastAgency) -> None:
    answer = Client(app).get("/__fastagency__/health")
    assert answer.status_code == 200
    assert answer.json == {"alive": True, "ready": True}
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_pulse_says_whether_the_shell_has_changed(http: Client, provider: FakeProvider, caller: Caller) -> None:
    def changed(shell: str) -> object:
        return http.get(f"/__fastagency__/pulse?shell={shell}").json

    assert changed("unknown") == {"changed": True}
    provider.down = True
    assert "cannot be reached" in json.dumps(changed("unknown"))


def test_a_run_is_read_by_its_owner_only(app: FastAgency, http: Client, provider: FakeProvider, caller: Caller) -> None:
    run_id = provider.start("ask_name", {}, caller=caller).workflow_uuid
    mine = http.get(f"/__fastagency__/runs/{run_id}/history").json
    assert mine is not None
    assert mine["rows"][0]["type"] == "workflow_started"
    stranger = Client(app)
    stranger.get("/")
    assert list(stranger.get(f"/__fastagency__/runs/{run_id}/history").json or {}) == ["gone"]
    assert "gone" in stranger.get(f"/__fastagency__/runs/{run_id}/live?after=0").get_data(as_text=True)


def test_without_a_cookie_nothing_is_shown(app: FastAgency, provider: FakeProvider) -> None:
    run_id = provider.start("ask_name", {}).workflow_uuid
    answer = Client(app, use_cookies=False).get(f"/__fastagency__/runs/{run_id}/history").json
    assert answer is not None
    assert "cookie" in answer["gone"]


@pytest.mark.parametrize("after", ["-1", "x", "9" * 40, "1.5", "٣"])
def test_a_cursor_that_is_no_number_reads_from_the_start(
    http: Client, provider: FakeProvider, caller: Caller, after: str
) -> None:
    run_id = provider.start("broken", {}, caller=caller).workflow_uuid
    first = http.get(f"/__fastagency__/runs/{run_id}/live?after={after}").get_data(as_text=True).partition("\n")[0]
    assert json.loads(first)["rows"][0]["seq"] == 1


def test_two_applications_in_one_process_are_apart() -> None:
    apps = [FastAgency(provider=demo_provider(), ui=MesopUI(), title=title) for title in ("One", "Two")]
    for app, title in zip(apps, ("One", "Two"), strict=True):
        assert f"<title>{title}</title>" in Client(app).get("/").get_data(as_text=True)


def test_first_requests_at_the_same_time_all_get_the_page(app: FastAgency) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: Client(app).get("/").status_code, range(8)))
    assert answers == [200] * 8


def test_a_page_without_an_application_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="pass it to FastAgency"):
        MesopUI().wsgi({}, lambda *_: None)


@pytest.mark.parametrize(("wanted", "target"), [("/?conversation=1", "/?conversation=1"), ("//evil.example", "/")])
def test_where_nobody_signs_in_the_link_to_it_leads_back(http: Client, wanted: str, target: str) -> None:
    answer = http.get("/sign-in", query_string={"next": wanted})
    assert (answer.status_code, answer.headers["Location"]) == (302, target)
