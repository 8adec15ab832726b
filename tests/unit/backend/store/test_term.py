"""How long a lease counts as unbroken: from before each renewal was sent, and never again once it was broken."""

from __future__ import annotations

import pytest
from fastagency_backend.store.term import Terms

LEASE_S = 3.0


class Ours:
    def __init__(self) -> None:
        self.now = 1000.0
        self.terms = Terms(lambda: self.now)

    def renewed(self, *, takes_s: float = 0.0) -> int | None:
        sent = self.now
        self.now += takes_s
        self.terms.renew(sent, LEASE_S)
        return self.terms.current


@pytest.fixture
def ours() -> Ours:
    return Ours()


def test_who_was_never_registered_has_no_lease(ours: Ours) -> None:
    assert ours.terms.current is None


def test_a_lease_that_is_renewed_in_time_is_one_stretch(ours: Ours) -> None:
    first = ours.renewed()
    for _ in range(5):
        ours.now += LEASE_S - 0.1
        assert ours.terms.current == ours.renewed() == first
    assert first is not None


def test_a_lease_that_has_run_out_begins_another_stretch(ours: Ours) -> None:
    first = ours.renewed()
    ours.now += LEASE_S
    assert ours.terms.current is None
    assert ours.renewed() not in (None, first)


def test_a_renewal_counts_from_before_it_was_sent(ours: Ours) -> None:
    """Others see it when it is carried out, and its reply may come much later."""
    first = ours.renewed()
    assert ours.renewed(takes_s=LEASE_S - 1) == first
    ours.now += 1
    assert ours.terms.current is None


def test_a_renewal_whose_reply_comes_too_late_is_none(ours: Ours) -> None:
    ours.renewed()
    assert ours.renewed(takes_s=LEASE_S + 1) is None


def test_a_lease_that_was_given_up_begins_another_stretch(ours: Ours) -> None:
    first = ours.renewed()
    ours.terms.end()
    assert ours.terms.current is None
    assert ours.renewed() not in (None, first)
