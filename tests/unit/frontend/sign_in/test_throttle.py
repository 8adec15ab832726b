"""So many attempts in a while, and no more memory than so many keys need."""

from __future__ import annotations

import pytest
from fastagency_frontend.sign_in import throttle
from fastagency_frontend.sign_in.throttle import Throttle
from hypothesis import given
from hypothesis import strategies as st


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_after_the_last_attempt_that_counts_one_has_to_wait() -> None:
    clock = Clock()
    attempts = Throttle(2, 60, clock)
    assert attempts.wait_s("a") == 0
    clock.now = 10
    assert attempts.wait_s("a") == 0
    assert attempts.wait_s("a") == 50
    assert attempts.wait_s("b") == 0
    clock.now = 60
    assert attempts.wait_s("a") == 0
    assert attempts.wait_s("a") == 10


def test_what_was_right_does_not_count() -> None:
    attempts = Throttle(1, 60, Clock())
    for _ in range(3):
        assert attempts.wait_s("a") == 0
        attempts.forgive("a")
    attempts.forgive("a")


@given(st.lists(st.floats(0, 30), max_size=60))
def test_in_no_window_are_there_more_than_the_limit(pauses: list[float]) -> None:
    clock, taken = Clock(), []
    attempts = Throttle(3, 60, clock)
    for pause in pauses:
        clock.now += pause
        if attempts.wait_s("a") == 0:
            taken.append(clock.now)
    for start in taken:
        assert sum(start <= each < start + 60 for each in taken) <= 3


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_KEYS", 10)
    attempts = Throttle(1, 60, Clock())
    for number in range(100):
        attempts.wait_s(str(number))
    assert len(attempts._attempts) == 10
