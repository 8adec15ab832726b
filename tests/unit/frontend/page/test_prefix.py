"""The page below a prefix: a proxy may take the prefix away or leave it, and Mesop's own script knows nothing of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

import pytest
from fastagency_frontend.app import Application, FastAgency
from fastagency_frontend.page import MesopUI, asset
from fastagency_frontend.page.environment import prepare_mesop
from fastagency_frontend.page.exposure import Exposure
from fastagency_frontend.page.site import Site
from fastagency_frontend.page.wsgi import Router
from fastagency_frontend.settings import FrontendSettings
from fastagency_shared.errors import InvalidSettings
from werkzeug.test import Client

from tests.fakes.scripts import demo_provider

PAGE = b'<html><head><title>x</title></head><body><mesop-app ngCspNonce="n0nce"></mesop-app></body></html>'


class Mesop:
    """Stands for Mesop's application: notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked.append(environ)
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [PAGE]


@pytest.fixture
def mesop() -> Mesop:
    return Mesop()


@pytest.fixture
def http(mesop: Mesop) -> Client:
    anybody = Exposure(from_anywhere=True)
    return Client(Router(Site(Application(demo_provider(), "Class", ""), []), mesop, "/chat", anybody))


@pytest.mark.parametrize("path", ["/chat/", "/"])
def test_mesop_is_asked_with_the_prefix_whatever_the_proxy_does(http: Client, mesop: Mesop, path: str) -> None:
    assert http.get(path).status_code == 200
    assert mesop.asked[-1]["PATH_INFO"] == "/chat/"


def test_everything_the_page_names_is_below_the_prefix_and_served(http: Client) -> None:
    text = http.get("/chat/").get_data(as_text=True)
    named = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(named) == 3
    for name in named:
        assert name.startswith("/chat/")
        assert http.get(name).status_code == http.get(name.removeprefix("/chat")).status_code == 200


def test_a_map_with_the_pages_nonce_leads_to_the_modules(http: Client) -> None:
    text = http.get("/chat/").get_data(as_text=True)
    found = re.search(r'<script type="importmap" nonce="n0nce">(.*?)</script>', text)
    assert found is not None
    assert found[1] == '{"imports": {"/__web-components-module__/": "/chat/__web-components-module__/"}}'
    assert text.index("importmap") < text.index('type="module"')  # a map that comes after a module is ignored


def test_at_the_root_there_is_no_map(mesop: Mesop) -> None:
    http = Client(Router(Site(Application(demo_provider(), "Class", ""), []), mesop))
    assert "importmap" not in http.get("/").get_data(as_text=True)


def test_the_prefix_alone_leads_to_the_page_with_its_query(http: Client) -> None:
    """Without the slash the browser would not send the cookie, and the person would get another one."""
    answer = http.get("/chat?conversation=1")
    assert (answer.status_code, answer.headers["Location"]) == (308, "/chat/?conversation=1")
    assert "Set-Cookie" not in answer.headers


def test_the_cookie_is_for_this_page_only(http: Client) -> None:
    assert "; Path=/chat/;" in http.get("/chat/").headers["Set-Cookie"]


def test_another_path_that_begins_like_it_is_not_the_prefix(http: Client, mesop: Mesop) -> None:
    http.get("/chatter")
    assert mesop.asked[-1]["PATH_INFO"] == "/chat/chatter"


def test_our_own_routes_are_below_it_too(http: Client) -> None:
    for path in (asset.asset_path("style/page.css"), f"/chat{asset.asset_path('style/page.css')}"):
        assert http.get(path).content_type == "text/css; charset=utf-8"


def test_a_request_of_another_site_is_refused_and_logged(
    http: Client, mesop: Mesop, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = http.post("/chat/__ui__", headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert answer.get_data(as_text=True) == "This request comes from another site: https://evil.example."
    assert "Refused POST /chat/__ui__: This request comes from another site" in caplog.text
    assert mesop.asked == []


def test_what_was_judged_here_passes_mesops_own_comparison(http: Client, mesop: Mesop) -> None:
    headers = {"Origin": "https://chat.example:8443", "Sec-Fetch-Site": "same-origin", "Host": "chat.example"}
    forwarded = {"X-Forwarded-Host": "chat.example:8443", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    assert http.post("/chat/__ui__", headers=headers | forwarded).status_code == 200
    asked = mesop.asked[-1]
    assert asked["HTTP_ORIGIN"] == "http://chat.example"
    assert [name for name in asked if "FORWARDED" in name] == ["HTTP_X_FORWARDED_FOR"]


def test_a_prefix_that_comes_too_late_is_named() -> None:
    """Mesop is imported by now, without one."""
    with pytest.raises(InvalidSettings, match="FASTAGENCY_FRONTEND_PREFIX=/late comes too late"):
        prepare_mesop(FrontendSettings(frontend_prefix="/late"))
    with pytest.raises(InvalidSettings, match="FASTAGENCY_FRONTEND_PREFIX=/late comes too late"):
        FastAgency(provider=demo_provider(), ui=MesopUI(FrontendSettings(frontend_prefix="/late")))
