"""Visitors are known by their cookie, and their credentials are passed on."""

from __future__ import annotations

import pytest
from fastagency_frontend.page.visitor import caller_of, new_visitor_cookie, theme_of, visitor_id

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
