"""Signing in with a password, on the level of WSGI: what a browser sends, gets and may not do."""

from __future__ import annotations

import logging
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from fastagency_frontend.app import FastAgency
from fastagency_frontend.page import MesopUI
from fastagency_frontend.settings import FrontendSettings
from fastagency_frontend.sign_in.password import hashed
from fastagency_frontend.sign_in.password_file import Entry, PeopleFile
from fastagency_shared.errors import InvalidSettings
from fastagency_shared.page_key import PageKey, PublicKey
from fastagency_shared.user import User
from werkzeug.test import Client, TestResponse

from tests.fakes.sessions import SigningProvider
from tests.unit.frontend.page.conftest import VISITOR
from tests.unit.frontend.page.mesop_client import MesopClient

PASSWORD = "correct horse"
HASH = hashed(PASSWORD)
ORIGIN = {"Origin": "http://localhost"}
COOKIE = "fastagency-session"


@pytest.fixture
def provider() -> SigningProvider:
    return SigningProvider()


@pytest.fixture
def settings(tmp_path: Path) -> FrontendSettings:
    with PeopleFile(tmp_path / "people.json").changing() as people:
        people["anna"] = Entry(password=HASH, name="Anna Ångström", roles=["manager"])
        people["bert"] = Entry(password=HASH)
    return FrontendSettings(
        sign_in="password", password_file=tmp_path / "people.json", page_key_file=tmp_path / "key.pem"
    )


@pytest.fixture
def app(provider: SigningProvider, settings: FrontendSettings) -> FastAgency:
    return FastAgency(provider=provider, ui=MesopUI(settings), title="Class <1>")


@pytest.fixture
def http(app: FastAgency) -> Client:
    return Client(app)


def form_of(answer: TestResponse) -> dict[str, str]:
    text = answer.get_data(as_text=True)
    return dict(re.findall(r'name="(token|next)" value="([^"]*)"', text))


def submit(http: Client, name: str = "anna", password: str = PASSWORD, target: str = "/", **more: Any) -> TestResponse:
    options = {"headers": ORIGIN, "base_url": "http://localhost", **more}
    page = http.get("/sign-in", query_string={"next": target}, base_url=options["base_url"])
    return http.post("/sign-in", data={**form_of(page), "name": name, "password": password}, **options)


def test_whoever_opens_the_page_is_led_to_the_form_and_from_there_to_what_was_asked_for(http: Client) -> None:
    asked = "/?conversation=0123456789abcdef0123456789abcdef"
    answer = http.get(asked)
    assert answer.status_code == 302
    assert answer.headers["Cache-Control"] == "no-store"
    form = http.get(answer.headers["Location"])
    assert form.status_code == 200
    assert form_of(form)["next"] == asked
    data = {**form_of(form), "name": " ANNA ", "password": PASSWORD}
    entered = http.post("/sign-in", data=data, headers=ORIGIN)
    assert (entered.status_code, entered.headers["Location"]) == (303, asked)
    inside = http.get(asked)
    assert inside.status_code == 200
    assert inside.headers["Cache-Control"] == "no-store"
    assert "fastagency_visitor" not in str(inside.headers.getlist("Set-Cookie"))
    assert http.get("/sign-in?next=/").headers["Location"] == "/"


def test_the_form_stands_alone(http: Client) -> None:
    answer = http.get("/sign-in")
    text = answer.get_data(as_text=True)
    assert "<title>Sign in · Class &lt;1&gt;</title>" in text
    assert "<script>" not in text
    policy = answer.headers["Content-Security-Policy"]
    for part in ("default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert part in policy
    named = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(named) == 3
    for name in named:
        assert http.get(name).status_code == 200, name


@pytest.mark.parametrize(
    ("name", "password"), [("anna", "other horse"), ("nobody", PASSWORD), ("", ""), ("anna", "x" * 1001)]
)
def test_what_is_wrong_is_not_told(http: Client, name: str, password: str) -> None:
    answer = submit(http, name, password)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 403
    assert "The name or the password is wrong." in text
    assert 'role="alert"' in text
    assert "Error: Sign in" in text
    assert password not in text or not password
    assert http.get_cookie(COOKIE) is None


def test_what_was_typed_as_a_name_is_only_text(http: Client) -> None:
    text = submit(http, '"><script>alert(1)</script>', "x").get_data(as_text=True)
    assert "<script>alert" not in text


def test_the_cookie_is_for_this_page_only_and_the_secret_is_known_to_nobody_else(
    http: Client, provider: SigningProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = submit(http)
    (cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith(COOKIE)]
    assert re.fullmatch(rf"{COOKIE}=[\w-]{{43}}; Path=/; HttpOnly; SameSite=Lax", cookie)
    secret = cookie.partition("=")[2].partition(";")[0]
    http.get("/")
    assert secret not in caplog.text
    assert PASSWORD not in caplog.text
    assert provider.kept.find(secret)


@pytest.mark.parametrize(
    "more",
    [
        {"base_url": "https://chat.example", "headers": {"Origin": "https://chat.example"}},
        # A proxy speaks TLS, and has not told.
        {"base_url": "http://chat.example", "headers": {"Origin": "https://chat.example"}},
    ],
)
def test_on_https_no_other_page_can_plant_the_cookie(http: Client, more: Any) -> None:
    cookies = submit(http, **more).headers.getlist("Set-Cookie")
    (cookie,) = [each for each in cookies if COOKIE in each]
    assert cookie.startswith(f"__Host-{COOKIE}=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    secret = cookie.partition("=")[2].partition(";")[0]
    other = Client(http.application, use_cookies=False)
    inside, planted = {"Cookie": f"__Host-{COOKIE}={secret}"}, {"Cookie": f"{COOKIE}={secret}"}
    for address in ("http://chat.example", "https://chat.example"):
        assert other.get("/", base_url=address, headers=inside).status_code == 200
    assert other.get("/", base_url="https://chat.example", headers=planted).status_code == 302


def test_no_password_is_taken_over_a_network_without_tls(http: Client) -> None:
    answer = submit(http, base_url="http://chat.example", headers={"Origin": "http://chat.example"})
    assert answer.status_code == 403
    assert "https only" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {**ORIGIN, "Sec-Fetch-Site": "cross-site"}]
)
def test_a_form_of_another_site_is_refused(http: Client, headers: dict[str, str]) -> None:
    answer = submit(http, headers=headers)
    assert answer.status_code == 403
    assert http.get_cookie(COOKIE) is None


@pytest.mark.parametrize("token", ["", "another"])
def test_a_form_without_its_token_is_asked_again(http: Client, token: str) -> None:
    http.get("/sign-in")
    data = {"name": "anna", "password": PASSWORD, "token": token}
    answer = http.post("/sign-in", data=data, headers=ORIGIN)
    assert answer.status_code == 403
    assert "Please try again" in answer.get_data(as_text=True)
    assert http.get_cookie(COOKIE) is None


def test_without_a_cookie_no_token_counts(app: FastAgency) -> None:
    answer = Client(app).post("/sign-in", data={"name": "anna", "password": PASSWORD, "token": ""}, headers=ORIGIN)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/sign-out", "/\r\nX: 1"],
)
def test_only_pages_of_our_own_are_opened_afterwards(http: Client, target: str) -> None:
    assert submit(http, target=target).headers["Location"] == "/"


def test_a_form_has_an_end(http: Client) -> None:
    http.get("/sign-in")
    answer = http.post("/sign-in", data={"name": "x" * 20_000}, headers=ORIGIN)
    assert answer.status_code == 413
    assert http.post("/sign-in", data="&" * 5000, headers=ORIGIN, content_type="text/plain").status_code == 403


def test_attempts_are_throttled_by_name_and_the_right_password_does_not_help(http: Client) -> None:
    for _ in range(10):
        assert submit(http, "anna", "wrong").status_code == 403
    answer = submit(http, "anna")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 601
    assert "too many attempts" in answer.get_data(as_text=True)
    assert submit(http, "bert").status_code == 303


def test_other_methods_and_routes(http: Client) -> None:
    assert http.get("/sign-out").status_code == 405
    assert http.put("/sign-in", headers=ORIGIN).headers["Allow"] == "GET, HEAD, POST"
    assert http.get("/sign-in/callback?code=x&state=y").status_code == 403


def test_nobody_gets_anything_who_has_not_signed_in(http: Client, provider: SigningProvider) -> None:
    http.set_cookie("fastagency_visitor", VISITOR)
    http.set_cookie(COOKIE, "x" * 43)
    for path in ("pulse", f"runs/{'0' * 32}/history", f"runs/{'0' * 32}/live"):
        answer = http.get(f"/__fastagency__/{path}")
        assert (answer.status_code, answer.get_data(as_text=True)[:12]) == (401, "You have bee"), path
    assert http.post("/__ui__", data="", headers=ORIGIN).status_code == 401
    assert http.get("/", headers={"Sec-Fetch-Dest": "script"}).status_code == 401
    assert http.get("/anything.js").status_code == 401
    assert http.get("/__fastagency__/health").status_code == 200
    assert provider.callers == []


def test_the_backend_is_told_who_asks_in_a_token_of_this_minute(
    http: Client, provider: SigningProvider, settings: FrontendSettings
) -> None:
    public = PublicKey.load(None, settings.page_key_file)
    assert public.read(provider.page_token()).scope == "sessions"
    submit(http)
    http.get("/__fastagency__/pulse", headers={"Authorization": "Bearer of the browser"})
    caller = provider.callers[-1]
    assert caller.token is not None
    claims = public.read(caller.token())
    assert claims.user is not None
    assert (claims.user.id, claims.user.name, claims.user.roles) == ("anna", "Anna Ångström", {"manager"})
    cookie = http.get_cookie(COOKIE)
    assert cookie is not None
    session = provider.kept.find(cookie.value)
    assert session is not None
    assert claims.session == session.id
    assert caller.headers == {}


def test_the_page_shows_who_it_is(app: FastAgency, http: Client) -> None:
    submit(http)
    page = MesopClient(app, http=http)
    sidebar = page.properties("sidebar")
    assert (sidebar["person"], sidebar["can_sign_out"]) == ("Anna Ångström", True)
    mark = page.properties("pulse")["person"]
    assert mark == http.get("/__fastagency__/pulse").get_json()["person"]
    assert "anna" not in mark


def test_a_new_session_takes_the_place_of_the_old_one(http: Client, provider: SigningProvider) -> None:
    submit(http)
    first = http.get_cookie(COOKIE)
    assert first is not None
    other = Client(http.application)
    page = form_of(other.get("/sign-in"))
    other.set_cookie(COOKIE, first.value)
    answer = other.post("/sign-in", data={**page, "name": "bert", "password": PASSWORD}, headers=ORIGIN)
    assert answer.status_code == 303
    assert first.value not in str(answer.headers)
    assert provider.kept.find(first.value) is None


def test_a_visitor_keeps_the_conversations(http: Client, provider: SigningProvider) -> None:
    http.set_cookie("fastagency_visitor", VISITOR)
    submit(http)
    assert provider.kept.visitors == [(VISITOR, "anna")]
    assert http.get_cookie("fastagency_visitor") is None


def test_signing_out_ends_the_session_in_every_tab(http: Client, provider: SigningProvider) -> None:
    submit(http)
    cookie = http.get_cookie(COOKIE)
    assert cookie is not None
    answer = http.post("/sign-out", headers=ORIGIN)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?out=1")
    assert http.get_cookie(COOKIE) is None
    assert provider.kept.find(cookie.value) is None
    text = http.get(answer.headers["Location"]).get_data(as_text=True)
    assert "You have signed out." in text
    http.set_cookie(COOKIE, cookie.value)
    assert http.get("/__fastagency__/pulse").status_code == 401


def test_nobody_else_signs_people_out(http: Client) -> None:
    submit(http)
    assert http.post("/sign-out", headers={"Origin": "https://evil.example"}).status_code == 403
    assert http.get("/").status_code == 200


def test_who_is_removed_from_the_file_is_out_and_roles_are_todays(
    http: Client, provider: SigningProvider, settings: FrontendSettings
) -> None:
    submit(http)
    with PeopleFile(settings.password_file).changing() as people:
        people["anna"] = people["anna"].model_copy(update={"roles": ["auditor"]})
    assert http.get("/__fastagency__/pulse").status_code == 200
    user = provider.callers[-1].user
    assert user is not None
    assert user.roles == {"auditor"}
    with PeopleFile(settings.password_file).changing() as people:
        del people["anna"]
    assert http.get("/__fastagency__/pulse").status_code == 401
    assert submit(http).status_code == 403


def test_with_the_backend_away_nobody_is_signed_out(http: Client, provider: SigningProvider) -> None:
    submit(http)
    provider.kept.away = True
    other = Client(http.application)
    other.set_cookie(COOKIE, "x" * 43)
    assert other.get("/").status_code == 200  # the page itself says what is the matter
    assert "cannot be reached" in other.get("/__fastagency__/pulse").get_json()["trouble"]
    refused = submit(other)
    assert refused.status_code in (303, 403, 503)
    assert other.get("/sign-in").status_code == 503
    answer = http.post("/sign-out", headers=ORIGIN)
    assert answer.status_code == 503
    assert "You are still signed in." in answer.get_data(as_text=True)


def test_who_it_is_is_shown_once_the_backend_is_back(app: FastAgency, http: Client, provider: SigningProvider) -> None:
    http.set_cookie(COOKIE, provider.kept.begin(User("anna")).secret)
    provider.kept.away = True
    page = MesopClient(app, http=http)
    assert page.properties("sidebar")["person"] == ""
    assert "cannot be reached" in page.properties("pulse")["trouble"]
    provider.kept.away = False
    page.tell("pulse", "changed", {})
    assert page.properties("sidebar")["person"] == "Anna Ångström"
    assert page.properties("pulse")["trouble"] == ""


def test_the_backend_is_not_asked_at_each_request(http: Client, provider: SigningProvider) -> None:
    submit(http)
    before = provider.kept.asked
    for _ in range(5):
        http.get("/__fastagency__/pulse")
    assert provider.kept.asked - before == 1


def test_without_a_file_or_with_a_broken_one_nothing_starts(
    provider: SigningProvider, settings: FrontendSettings
) -> None:
    settings.password_file.write_text("{}")
    with pytest.raises(InvalidSettings, match="is not understood"):
        FastAgency(provider=provider, ui=MesopUI(settings))
    settings.password_file.unlink()
    with pytest.raises(InvalidSettings, match="fastagency user add"):
        FastAgency(provider=provider, ui=MesopUI(settings))


def test_the_files_are_for_their_owner_only(app: FastAgency, settings: FrontendSettings) -> None:
    for file in (settings.password_file, settings.page_key_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_key_may_be_set(provider: SigningProvider, settings: FrontendSettings, tmp_path: Path) -> None:
    key = PageKey.generate()
    changes = {"page_key": key.pem().decode(), "page_key_file": tmp_path / "unused.pem"}
    set_ = FrontendSettings(**{**settings.model_dump(exclude_unset=True), **changes})
    FastAgency(provider=provider, ui=MesopUI(set_))
    assert key.public.read(provider.page_token()).scope == "sessions"
    assert not (tmp_path / "unused.pem").exists()
    assert "PRIVATE" not in repr(set_)
