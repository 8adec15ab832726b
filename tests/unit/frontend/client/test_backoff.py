"""The waits grow, stay under their bound, and end when the backend has been away for long enough."""

from fastagency_frontend.client.backoff import Outage, Patience
from hypothesis import given
from hypothesis import strategies as st


def longest(_low: float, high: float) -> float:
    return high


def test_waits_double_up_to_the_cap() -> None:
    outage = Outage(Patience(give_up_s=60, base_s=0.5, cap_s=3), draw=longest)
    waits = []
    for _ in range(5):
        outage.failed(0)
        waits.append(outage.wait_s(0))
    assert waits == [0.5, 1, 2, 3, 3]


def test_it_gives_up_when_the_time_is_over_and_not_before() -> None:
    outage = Outage(Patience(give_up_s=10), draw=longest)
    outage.failed(100)
    outage.failed(109)
    assert outage.wait_s(109.9) is not None
    assert outage.wait_s(110) is None
    assert outage.away_s(110) == 10


def test_a_sign_of_life_starts_the_count_anew() -> None:
    outage = Outage(Patience(give_up_s=10, base_s=0.5), draw=longest)
    for _ in range(4):
        outage.failed(0)
    outage.over()
    assert outage.away_s(50) == 0
    outage.failed(50)
    assert outage.wait_s(50) == 0.5


@given(failures=st.integers(1, 5000), now=st.floats(0, 59))
def test_every_wait_is_within_the_cap_and_the_time_left(failures: int, now: float) -> None:
    outage = Outage(Patience())
    for _ in range(failures):
        outage.failed(0)
    wait = outage.wait_s(now)
    assert wait is not None
    assert 0 <= wait <= min(5.0, 60 - now)
