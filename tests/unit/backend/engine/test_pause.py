"""Pauses of several chores end at the same moments, and none is longer than it is meant to be."""

from __future__ import annotations

import pytest
from fastagency_backend.engine.pause import STEP_S, until_step
from hypothesis import given
from hypothesis import strategies as st


@given(now=st.floats(0, 1e6), seconds=st.floats(STEP_S, 100))
def test_a_pause_ends_at_the_last_step_before_it_is_over(now: float, seconds: float) -> None:
    left = until_step(now, seconds)
    assert seconds - STEP_S - 1e-6 <= left <= seconds + 0.011


@given(now=st.floats(0, 1e6), steps=st.integers(1, 20))
def test_who_has_woken_at_a_step_a_little_early_or_late_wakes_at_one_again(now: float, steps: int) -> None:
    woken = now + until_step(now, STEP_S)
    for off in (-0.005, 0.0, 0.2):
        next_one = woken + off + until_step(woken + off, steps * STEP_S)
        assert (next_one - woken) / STEP_S == pytest.approx(steps, abs=1e-3)


def test_a_short_pause_is_as_long_as_it_is() -> None:
    assert until_step(12.34, STEP_S / 2) == STEP_S / 2
