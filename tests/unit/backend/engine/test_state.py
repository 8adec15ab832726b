"""The table of a run's states."""

from __future__ import annotations

import pytest
from fastagency_backend.engine.state import TRANSITIONS, IllegalTransition, RunChange, diagram, next_status
from fastagency_shared.run import RunStatus


def test_every_state_is_in_the_table_and_every_end_is_one() -> None:
    assert set(TRANSITIONS) == set(RunStatus)
    ends = {status: set(ways) for status, ways in TRANSITIONS.items() if not set(ways) - {RunChange.RETRIED}}
    assert set(ends) == {s for s in RunStatus if s.ended}
    assert [status for status, ways in ends.items() if ways] == [RunStatus.FAILED]


def test_every_state_can_be_reached_and_every_change_can_happen() -> None:
    reached = {RunStatus.READY} | {after for ways in TRANSITIONS.values() for after in ways.values()}
    assert reached == set(RunStatus)
    assert {change for ways in TRANSITIONS.values() for change in ways} == set(RunChange)


@pytest.mark.parametrize("status", RunStatus)
@pytest.mark.parametrize("change", RunChange)
def test_a_pair_that_is_not_listed_is_refused(status: RunStatus, change: RunChange) -> None:
    if change in TRANSITIONS[status]:
        assert next_status(status, change) is TRANSITIONS[status][change]
    else:
        with pytest.raises(IllegalTransition, match=status.value):
            next_status(status, change)


def test_the_diagram_draws_the_whole_table() -> None:
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    for status, ways in TRANSITIONS.items():
        for change, after in ways.items():
            assert f"    {status.value} --> {after.value}: {change.value}" in lines
    ends = sum(status.ended for status in RunStatus)
    assert sum("-->" in line for line in lines) == 1 + ends + sum(len(ways) for ways in TRANSITIONS.values())
