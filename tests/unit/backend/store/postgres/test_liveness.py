"""Whom a worker takes for dead: only who stood still while it looked all the time and its own lease was unbroken."""

from __future__ import annotations

import pytest
from fastagency_backend.store.postgres.liveness import Liveness

LEASE_S = 3.0


class Ours:
    """A worker that looks at the table of workers, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.liveness = Liveness(lambda: self.now)
        self.liveness.beaten(LEASE_S)

    def look(self, beat: int, *, after_s: float, beats: bool = True) -> dict[str, int]:
        """After so many seconds the other one's row shows this beat."""
        self.now += after_s
        if beats:
            self.liveness.beaten(LEASE_S)
        return self.liveness.look("ours", [("ours", 1, LEASE_S), ("other", beat, LEASE_S)])


@pytest.fixture
def ours() -> Ours:
    return Ours()


def test_who_renews_is_alive(ours: Ours) -> None:
    assert not [dead for beat in range(40) if (dead := ours.look(beat // 2, after_s=0.5))]


def test_who_stands_still_for_a_lease_is_dead_at_that_beat(ours: Ours) -> None:
    found = [ours.look(7, after_s=0.5) for _ in range(8)]
    assert found == [{}] * 6 + [{"other": 7}] * 2


def test_who_comes_back_is_alive(ours: Ours) -> None:
    for _ in range(8):
        ours.look(7, after_s=0.5)
    assert ours.look(8, after_s=0.5) == {}


def test_after_an_outage_nobody_is_dead_before_a_lease_has_passed(ours: Ours) -> None:
    """All rows stood still meanwhile, for nobody could write."""
    ours.look(7, after_s=0.5)
    found = [ours.look(7, after_s=60.0)] + [ours.look(7, after_s=0.5) for _ in range(6)]
    assert found == [{}] * 6 + [{"other": 7}]


def test_whose_own_lease_is_broken_takes_over_nothing(ours: Ours) -> None:
    """It could read, and not write."""
    found = [ours.look(7, after_s=0.5, beats=False) for _ in range(30)]
    assert found[:6] == [{}] * 6
    assert found[8:] == [{}] * 22


def test_who_is_no_worker_takes_over_nothing(ours: Ours) -> None:
    ours.liveness.beaten(None)
    assert [ours.look(7, after_s=0.5, beats=False) for _ in range(20)] == [{}] * 20


def test_a_lease_is_good_until_its_time_is_over(ours: Ours) -> None:
    assert ours.liveness.terms.current is not None
    ours.now += LEASE_S
    assert ours.liveness.terms.current is None
    ours.liveness.beaten(LEASE_S)
    assert ours.liveness.terms.current is not None
    ours.liveness.beaten(None)
    assert ours.liveness.terms.current is None
