"""Visitors are known by their cookie, and their credentials are passed on."""

from __future__ import annotations

import pytest
from fastagency_frontend.page.visitor import (
    ROOT_KEY,
    caller_of,
    clear_visitor_cookie,
    new_visitor_cookie,
    theme_of,
    visitor_id,
)

ID = "0123456789abcdef0123456789abcdef"


def test_a_new_visitor_gets_a_cookie_that_is_read_back() -> None:
    cookie = new_visitor_cookie({"wsgi.url_scheme": "http"})
    value = cookie.partition(";")[0].partition("=")[2]
    assert visitor_id({"HTTP_COOKIE": f"other=1; fastagency_visitor={value}"}) == value
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_ids_differ() -> None:
    assert new_visitor_cookie({}) != new_visitor_cookie({})


def test_the_cookie_is_secure_where_the_page_is() -> None:
    assert new_visitor_cookie({"wsgi.url_scheme": "https"}).endswith("; Secure")


@pytest.mark.parametrize(
    "header", ["", "fastagency_visitor=", "fastagency_visitor=admin", f"fastagency_visitor={ID.upper()}", "\x00=;;="]
)
def test_what_is_not_an_id_of_ours_is_nobody(header: str) -> None:
    assert visitor_id({"HTTP_COOKIE": header}) is None
    assert caller_of({"HTTP_COOKIE": header}, ["authorization"]) is None


def test_only_the_named_headers_are_passed_on() -> None:
    environ = {"HTTP_COOKIE": f"fastagency_visitor={ID}", "HTTP_AUTHORIZATION": "Bearer x", "HTTP_X_USER": "u"}
    caller = caller_of(environ, ["authorization", "x-missing"])
    assert caller is not None
    assert caller.user_id == ID
    assert caller.headers == {"authorization": "Bearer x"}
    other = caller_of(environ, ["x-user"])
    assert other is not None
    assert other.headers == {"x-user": "u"}


@pytest.mark.parametrize(("value", "theme"), [("dark", "dark"), ("light", "light"), ("pink", "system"), ("", "system")])
def test_the_theme(value: str, theme: str) -> None:
    assert theme_of({"HTTP_COOKIE": f"fastagency_theme={value}"}) == theme


def test_on_https_a_cookie_that_somebody_else_could_have_planted_is_nobody() -> None:
    for secure in ({"wsgi.url_scheme": "https"}, {"HTTP_X_FORWARDED_PROTO": "https, http"}):
        assert visitor_id({**secure, "HTTP_COOKIE": f"fastagency_visitor={ID}"}) is None
        assert visitor_id({**secure, "HTTP_COOKIE": f"__Secure-fastagency_visitor={ID}"}) is None
        assert visitor_id({**secure, "HTTP_COOKIE": f"__Host-fastagency_visitor={ID}; fastagency_visitor=x"}) == ID
        assert new_visitor_cookie(secure).startswith("__Host-fastagency_visitor=")


def test_under_a_path_the_cookie_is_for_that_path() -> None:
    under = {"wsgi.url_scheme": "https", ROOT_KEY: "/chat"}
    cookie = new_visitor_cookie(under)
    assert cookie.startswith("__Secure-fastagency_visitor=")
    assert "; Path=/chat/;" in cookie
    assert visitor_id({**under, "HTTP_COOKIE": cookie.partition(";")[0]}) is not None
    assert "Max-Age=0" in clear_visitor_cookie(under)
