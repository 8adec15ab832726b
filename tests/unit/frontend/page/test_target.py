"""Where people are led after they have signed in: to a page of our own, whatever the address says."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from fastagency_frontend.page.target import asked_for, own_target
from hypothesis import example, given
from hypothesis import strategies as st


@pytest.mark.parametrize("text", ["/", "/?conversation=1", "/a/b?c=d&e=%2F%2F", "/?x=https://evil.example"])
def test_our_own_pages_are_opened(text: str) -> None:
    assert own_target(text, "") == text
    assert own_target(f"/chat{text}", "/chat") == f"/chat{text}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\nb",
        "/ a",
        "/\t/evil.example",
        "/sign-out",
        "/sign-in?next=/",
        "/sign-in/callback?code=x",
        "/a/../../b",
        "/" + "x" * 3000,
        "/é",
    ],
)
def test_nothing_else_is(text: str) -> None:
    assert own_target(text, "") == "/"


@pytest.mark.parametrize("text", ["/", "/other/", "/chatter/", "/chat", "//chat/"])
def test_other_pages_of_the_host_are_not_ours(text: str) -> None:
    assert own_target(text, "/chat") == "/chat/"


@given(st.text(max_size=40))
@example("/\\/evil")
@example("/%2e%2e//evil")
def test_a_browser_stays_on_our_host(text: str) -> None:
    found = own_target(text, "")
    # As browsers read it: without controls, and with a backslash for a slash.
    read = "".join(char for char in found if char > " ").replace("\\", "/")
    assert urlsplit(urljoin("https://chat.example/sign-in", read)).netloc == "chat.example"


def test_an_address_comes_back_as_it_was() -> None:
    assert own_target(asked_for("/a b/é", "x=1"), "") == "/a%20b/%C3%A9?x=1"
