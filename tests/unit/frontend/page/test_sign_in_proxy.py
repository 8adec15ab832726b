"""Signing in by the header of a proxy: believed from the proxy's addresses only."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from fastagency_frontend.app import FastAgency
from fastagency_frontend.page import MesopUI
from fastagency_frontend.settings import FrontendSettings
from fastagency_frontend.sign_in import ProxyHeader
from fastagency_frontend.sign_in.choice import sign_in_of
from fastagency_shared.errors import InvalidSettings
from fastagency_shared.user import User
from werkzeug.test import Client

from tests.fakes.sessions import SigningProvider
from tests.unit.frontend.page.conftest import VISITOR
from tests.unit.frontend.page.mesop_client import MesopClient

PROXY, STRANGER = {"REMOTE_ADDR": "10.0.0.5"}, {"REMOTE_ADDR": "10.0.1.5"}
PULSE = "/__fastagency__/pulse"


@pytest.fixture
def provider() -> SigningProvider:
    return SigningProvider()


@pytest.fixture
def settings(tmp_path: Path) -> FrontendSettings:
    return FrontendSettings(
        sign_in="proxy",
        trusted_proxies="10.0.0.0/24, ::1",
        proxy_roles_header="X-Forwarded-Groups",
        proxy_sign_out_url="/oauth2/sign_out",
        forward_headers="authorization,x-forwarded-user,x-tenant",
        page_key_file=tmp_path / "key.pem",
    )


@pytest.fixture
def http(provider: SigningProvider, settings: FrontendSettings) -> Client:
    return Client(FastAgency(provider=provider, ui=MesopUI(settings)))


def by(user: str, **more: str) -> dict[str, str]:
    return {"X-Forwarded-User": user, **{name.replace("_", "-"): value for name, value in more.items()}}


@pytest.mark.parametrize("peer", ["10.0.0.5", "::ffff:10.0.0.9", "::1"])
def test_the_proxy_says_who_it_is(http: Client, provider: SigningProvider, peer: str) -> None:
    headers = by("anna@example.org", X_Forwarded_Groups="manager, auditor,", X_Tenant="7", Authorization="Basic x")
    assert http.get("/", headers=headers, environ_base={"REMOTE_ADDR": peer}).status_code == 200
    http.get(PULSE, headers=headers, environ_base={"REMOTE_ADDR": peer})
    caller = provider.callers[-1]
    assert caller.user == User("anna@example.org", roles=frozenset({"manager", "auditor"}))
    assert caller.headers == {"x-tenant": "7"}


def test_from_anywhere_else_the_header_says_nothing(
    http: Client, provider: SigningProvider, caplog: pytest.LogCaptureFixture
) -> None:
    for path in (PULSE, "/"):
        answer = http.get(path, headers={**by("anna"), "X-Forwarded-For": "10.0.0.5"}, environ_base=STRANGER)
        assert answer.status_code in (401, 302)
    answer = http.get("/sign-in", headers=by("anna"), environ_base=STRANGER)
    assert answer.status_code == 403
    assert "You are not signed in." in answer.get_data(as_text=True)
    assert provider.callers == []
    assert "it is no proxy that is trusted" in caplog.text


@pytest.mark.parametrize("told", ["", " ", "anna,eve", "x" * 501, "an\xffna"])
def test_a_value_that_the_proxy_cannot_have_meant_is_nobody(http: Client, told: str) -> None:
    environ = {**PROXY, "HTTP_X_FORWARDED_USER": told}
    assert http.get(PULSE, environ_overrides=environ).status_code == 401


def test_names_are_utf8(http: Client, provider: SigningProvider) -> None:
    http.get(PULSE, environ_overrides={**PROXY, "HTTP_X_FORWARDED_USER": "ångström".encode().decode("latin-1")})
    assert provider.callers[-1].user_id == "ångström"


def test_no_session_of_earlier_days_counts(http: Client, provider: SigningProvider) -> None:
    new = provider.kept.begin(User("anna"))
    http.set_cookie("fastagency-session", new.secret)
    assert http.get(PULSE, environ_base=PROXY).status_code == 401


def test_a_visitor_keeps_the_conversations(http: Client, provider: SigningProvider) -> None:
    http.set_cookie("fastagency_visitor", VISITOR)
    http.get("/", headers=by("anna"), environ_base=PROXY)
    assert provider.kept.visitors == [(VISITOR, "anna")]
    assert http.get_cookie("fastagency_visitor") is None


def test_signing_out_is_the_proxys_affair(http: Client) -> None:
    answer = http.post("/sign-out", headers={**by("anna"), "Origin": "http://localhost"}, environ_base=PROXY)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/oauth2/sign_out")


def test_without_an_address_for_it_nobody_is_offered_to_sign_out(provider: SigningProvider, tmp_path: Path) -> None:
    auth = ProxyHeader("X-User", ["127.0.0.1"])
    app = FastAgency(provider=provider, ui=MesopUI(FrontendSettings(page_key_file=tmp_path / "key"), auth=auth))

    class Proxied(Client):
        def open(self, *args: Any, **options: Any) -> Any:
            by_proxy = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_USER": "anna"}
            return super().open(*args, **options, environ_overrides=by_proxy)

    page = MesopClient(app, http=Proxied(app))
    sidebar = page.properties("sidebar")
    assert (sidebar["person"], sidebar["can_sign_out"]) == ("anna", False)


def test_the_proxy_has_to_be_named(settings: FrontendSettings) -> None:
    with pytest.raises(InvalidSettings, match="FASTAGENCY_TRUSTED_PROXIES"):
        sign_in_of(settings.model_copy(update={"trusted_proxies": []}))
    with pytest.raises(InvalidSettings, match="nonsense"):
        ProxyHeader("X-User", ["nonsense"])


def test_the_header_is_in_no_log(http: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    http.get(PULSE, headers=by("anna-the-first"), environ_base=STRANGER)
    assert "anna-the-first" not in caplog.text
