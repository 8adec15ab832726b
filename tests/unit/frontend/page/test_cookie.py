"""The names of cookies say how they were set, and what was planted is not believed."""

from __future__ import annotations

import pytest
from fastagency_frontend.page.cookie import Cookie


@pytest.mark.parametrize(
    ("path", "secure", "name"),
    [("/", True, "__Host-a"), ("/chat/", True, "__Secure-a"), ("/", False, "a"), ("/chat/", False, "a")],
)
def test_its_name_follows_from_how_it_is_set(path: str, secure: bool, name: str) -> None:
    cookie = Cookie("a", path)
    header = cookie.set("1", secure=secure)
    assert header.startswith(f"{name}=1; Path={path}; HttpOnly; SameSite=Lax")
    assert header.endswith("; Secure") is secure
    assert "Domain" not in header
    assert cookie.read({"HTTP_COOKIE": f"{name}=1"}, secure=secure) == "1"
    assert "Max-Age=0" in cookie.clear(secure=secure)


def test_on_https_a_plain_one_is_somebody_elses() -> None:
    environ = {"HTTP_COOKIE": "a=planted"}
    assert Cookie("a").read(environ, secure=True) is None
    assert Cookie("a").read(environ, secure=False) == "planted"
    both = {"HTTP_COOKIE": "a=planted; __Host-a=mine"}
    assert Cookie("a").read(both, secure=False) == "mine"
