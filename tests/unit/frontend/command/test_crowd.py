"""One address does not get all the connections that there are."""

from __future__ import annotations

from fastagency_frontend.command.crowd import Crowd


def test_an_address_has_only_so_many_and_gets_back_what_it_closes() -> None:
    crowd = Crowd(2)
    here, there = ("192.0.2.1", 1), ("192.0.2.2", 1)
    assert [crowd.enter(here), crowd.enter(("192.0.2.1", 2)), crowd.enter(here)] == [True, True, False]
    assert crowd.enter(there)
    crowd.leave(here)
    assert crowd.enter(here)
    assert not crowd.enter(here)


def test_the_addresses_of_one_network_of_ip_version_6_are_one() -> None:
    crowd = Crowd(1)
    assert crowd.enter(("2001:db8::1", 1, 0, 0))
    assert not crowd.enter(("2001:db8::2:3", 1, 0, 0))
    assert crowd.enter(("2001:db8:0:1::1", 1, 0, 0))


def test_an_address_of_ip_version_4_is_itself_however_it_is_written() -> None:
    crowd = Crowd(1)
    assert crowd.enter(("::ffff:192.0.2.1", 1, 0, 0))
    assert not crowd.enter(("192.0.2.1", 1))
    assert crowd.enter(("::ffff:192.0.2.2", 1, 0, 0))


def test_a_socket_of_the_file_system_has_no_address() -> None:
    crowd = Crowd(1)
    assert all(crowd.enter("") for _ in range(3))
    crowd.leave("")
