"""Whom the page is shown to, where it has no sign-in."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fastagency_frontend.app import FastAgency
from fastagency_frontend.page import MesopUI
from fastagency_frontend.settings import FrontendSettings
from werkzeug.test import Client

from tests.fakes.provider import FakeProvider

PATHS = ["/", "/__fastagency__/pulse", "/__ui__"]
FROM_ELSEWHERE: list[dict[str, Any]] = [
    {"environ_base": {"REMOTE_ADDR": "10.0.0.9"}},
    {"headers": {"X-Forwarded-For": "10.0.0.9"}},
    {"headers": {"X-Forwarded-Proto": "https"}},
    {"headers": {"Forwarded": "for=10.0.0.9"}},
]


def page(provider: FakeProvider, **settings: Any) -> Client:
    return Client(FastAgency(provider=provider, ui=MesopUI(FrontendSettings(**settings)), title="Class"))


@pytest.mark.parametrize("request_", FROM_ELSEWHERE)
def test_it_is_shown_on_this_machine_only(
    provider: FakeProvider, request_: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    http = page(provider)
    for path in PATHS:
        with caplog.at_level(logging.WARNING):
            answer = http.get(path, **request_)
        assert answer.status_code == 403
        assert "FASTAGENCY_ALLOW_ANONYMOUS=1" in answer.get_data(as_text=True)
        assert f"Refused GET {path}: Nobody signs in" in caplog.text
    assert http.get("/__fastagency__/health", **request_).status_code == 200


@pytest.mark.parametrize("request_", FROM_ELSEWHERE)
def test_the_setting_lets_others_in(provider: FakeProvider, request_: dict[str, Any]) -> None:
    assert page(provider, allow_anonymous=True).get("/", **request_).status_code == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", ""])
def test_this_machine_is_served(provider: FakeProvider, address: str) -> None:
    assert page(provider).get("/", environ_base={"REMOTE_ADDR": address}).status_code == 200


def test_a_name_that_leads_here_is_no_name_of_ours(provider: FakeProvider) -> None:
    """DNS rebinding: another site's page, whose name has become this machine's address."""
    answer = page(provider).get("/", headers={"Host": "evil.example:8888"})
    assert answer.status_code == 403
    assert "FASTAGENCY_ALLOWED_HOSTS" in answer.get_data(as_text=True)
    assert page(provider, allowed_hosts="chat.test").get("/", headers={"Host": "chat.test:8888"}).status_code == 200


def test_with_a_list_of_names_everybody_asks_by_one_of_them(provider: FakeProvider) -> None:
    http = page(provider, allow_anonymous=True, allowed_hosts="chat.test")
    assert http.get("/", headers={"Host": "chat.test"}).status_code == 200
    assert http.get("/", headers={"Host": "evil.example"}).status_code == 403
    assert page(provider, allow_anonymous=True).get("/", headers={"Host": "evil.example"}).status_code == 200
