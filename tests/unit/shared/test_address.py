"""What a request says of where it comes from and goes to, and the settings that name hosts and origins."""

from __future__ import annotations

import pytest
from fastagency_shared.address import Hosts, Origins, host_of, is_forwarded, is_listed, is_loopback, same_host
from pydantic import TypeAdapter, ValidationError


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost", "localhost"),
        ("LocalHost:8008", "localhost"),
        ("[::1]:8008", "::1"),
        ("example.org:443", "example.org"),
        ("", None),
        (":8008", None),
        ("example.org:port", None),
        ("user@example.org", "example.org"),
        ("[::1", None),
    ],
)
def test_the_name_in_a_host_header(header: str, name: str | None) -> None:
    assert host_of(header) == name


@pytest.mark.parametrize("name", ["localhost", "app.localhost", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine(name: str) -> None:
    assert is_loopback(name)


@pytest.mark.parametrize(
    "name", ["localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example", "0.0.0.0", "10.0.0.1", "::2", ""]
)
def test_not_this_machine(name: str) -> None:
    assert not is_loopback(name)


def test_a_list_of_names() -> None:
    listed = {"backend", "*.example.org"}
    assert is_listed("backend", listed)
    assert is_listed("a.b.example.org", listed)
    assert not is_listed("example.org", listed)
    assert not is_listed("evilexample.org", listed)
    assert is_listed("whatever", {"*"})


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("http://localhost:8008", "localhost:8008", True),
        ("https://Example.org", "example.org:443", True),
        ("http://example.org", "example.org", True),
        ("http://localhost:3000", "localhost:8008", False),
        ("http://localhost", "localhost:8008", False),
        ("null", "null", False),
        ("", "", False),
        ("http://evil.example", "localhost:8008", False),
    ],
)
def test_an_origin_is_a_page_of_the_host(origin: str, host: str, same: bool) -> None:
    assert same_host(origin, host) is same


@pytest.mark.parametrize("name", ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"])
def test_a_request_that_a_proxy_has_passed_on(name: str) -> None:
    assert is_forwarded(["host", name])
    assert not is_forwarded(["host", "x-fastagency-user"])


def test_hosts_and_origins_as_settings() -> None:
    hosts, origins = TypeAdapter(Hosts), TypeAdapter(Origins)
    assert hosts.validate_python("Backend, *.example.org,*,[::1],") == ["backend", "*.example.org", "*", "::1"]
    assert origins.validate_python("https://Example.org:443/, http://localhost:3000") == [
        "https://example.org",
        "http://localhost:3000",
    ]
    assert hosts.validate_python("") == origins.validate_python("") == []


@pytest.mark.parametrize("text", ["https://example.org", "example.org:8008", "a/b", "*example.org"])
def test_a_host_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is not the name of a host"):
        TypeAdapter(Hosts).validate_python(text)


@pytest.mark.parametrize(
    "text", ["example.org", "*", "null", "https://example.org/path", "ftp://example.org", "https://"]
)
def test_an_origin_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="is not the origin of a page"):
        TypeAdapter(Origins).validate_python(text)
