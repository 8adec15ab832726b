"""Whose word counts about where a request comes from."""

from __future__ import annotations

import pytest
from fastagency_frontend.sign_in.peer import Trusted, place

PROXIES = Trusted(["10.0.0.0/8", " 192.0.2.1 ", "2001:db8::/32"])


@pytest.mark.parametrize("address", ["10.1.2.3", "192.0.2.1", "2001:db8::1", "::ffff:10.0.0.1"])
def test_a_proxy_that_is_named_is_trusted(address: str) -> None:
    assert address in PROXIES


@pytest.mark.parametrize("address", ["11.0.0.1", "", "unix", "x", None, "10.0.0.1, 1.2.3.4"])
def test_nothing_else_is(address: object) -> None:
    assert address not in PROXIES


def test_a_socket_file_has_no_address() -> None:
    assert "" in Trusted(["unix"])
    assert not Trusted([])
    with pytest.raises(ValueError, match=r"10\.0\.0\.300"):
        Trusted(["10.0.0.300"])


@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        ("1.2.3.4", "", "1.2.3.4"),
        ("1.2.3.4", "5.6.7.8", "1.2.3.4"),
        ("10.0.0.1", "5.6.7.8", "5.6.7.8"),
        ("10.0.0.1", "9.9.9.9, 5.6.7.8", "5.6.7.8"),
        ("10.0.0.1", "5.6.7.8, 10.0.0.2", "5.6.7.8"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "nonsense"),
    ],
)
def test_the_client_is_who_asked_the_outermost_proxy(peer: str, told: str, client: str) -> None:
    assert PROXIES.client({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": told}) == client


def test_addresses_of_one_network_are_one_place() -> None:
    assert place("2001:db8:1:2:3::4") == place("2001:db8:1:2:ffff::1") != place("2001:db8:1:3::1")
    assert place("::ffff:1.2.3.4") == place("1.2.3.4") != place("1.2.3.5")
    assert place("nonsense") == "nonsense"
