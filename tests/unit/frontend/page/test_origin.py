"""Who may change something: this very page, whatever stands between it and its server, and nobody else's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastagency_frontend.page.origin import refusal


def post(**headers: str) -> dict[str, Any]:
    return {"REQUEST_METHOD": "POST", **{f"HTTP_{name.upper()}": value for name, value in headers.items()}}


@pytest.mark.parametrize(
    "request_",
    [
        post(sec_fetch_site="same-origin", origin="https://chat.example:8443", host="127.0.0.1"),
        post(sec_fetch_site="same-origin"),
        post(origin="http://chat.example:8080", host="chat.example:8080"),
        post(origin="http://chat.example", host="chat.example:80"),
        post(origin="https://chat.example", host="chat.example"),
        post(origin="https://chat.example", host="chat.example:443"),
        post(origin="http://Chat.Example:8080", host="chat.example:8080"),
        post(origin="http://[::1]:8080", host="[::1]:8080"),
        post(origin="https://chat.example", host="127.0.0.1:8888", x_forwarded_host="chat.example"),
        {"REQUEST_METHOD": "GET", "HTTP_SEC_FETCH_SITE": "cross-site"},
    ],
)
def test_the_page_itself_is_served(request_: dict[str, Any]) -> None:
    assert refusal(request_) is None


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (post(sec_fetch_site="cross-site", origin="https://evil.example"), "another site: https://evil.example"),
        (
            post(sec_fetch_site="same-site", origin="https://other.example:444", host="other.example:444"),
            "another site",
        ),
        (post(sec_fetch_site="none", host="chat.example"), "another site"),
        (post(origin="https://evil.example", host="chat.example"), "open at https://evil.example, .* as chat.example"),
        (post(origin="http://chat.example:8080", host="chat.example"), r"with its port \(nginx"),
        (post(origin="https://chat.example:80", host="chat.example"), "with its port"),
        (post(origin="null", host="chat.example"), "open at null"),
        (post(origin="http://chat.example:port", host="chat.example"), "with its port"),
        (post(host="chat.example"), "unknown address"),
        (post(origin="http://chat.example"), "open at http://chat.example"),
        (post(origin="null", host="null"), "open at null"),
        (post(origin="null", host="chat.example:port"), "open at null"),
    ],
)
def test_others_are_refused_with_the_reason(request_: dict[str, Any], why: str) -> None:
    reason = refusal(request_)
    assert reason is not None
    assert re.search(why, reason)
