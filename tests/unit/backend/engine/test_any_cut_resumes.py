"""Property: a run that is dropped at any points, and taken up again, is the run that was never dropped."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path

from fastagency_shared.messages import InputAnswered, LoggedMessage
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fakes.program import Leaf, Node, Program, World, is_sequence, programs, steps_of

Shape = tuple[str, str]

TWO_RESULTS_AT_ONCE = Node(
    True,
    (
        Node(False, (Node(True, (Leaf("emit", 3), Leaf("step", 1))), Node(True, (Leaf("ask"), Leaf("talk", 3))))),
        Node(
            False,
            (
                Leaf("talk"),
                Node(False, (Leaf("talk"), Leaf("emit", 2))),
                Leaf("talk", 1),
                Node(True, (Leaf("ask", 3), Leaf("talk", 2))),
            ),
        ),
    ),
)
"""The last talk of the first branch begins some turns after its step's result: whether it hears a result that came
in those turns must be the same in a replay."""
RESULT_AT_ONCE = Node(
    True,
    (
        Leaf("talk"),
        Node(True, (Leaf("emit"), Node(True, (Leaf("emit"), Leaf("emit"), Leaf("talk"))))),
        Node(True, (Leaf("emit"), Leaf("emit"), Leaf("step", 1))),
    ),
)
"""The first talk's result may be there before the second talk has begun."""


def play(program: Program, cuts: list[int]) -> tuple[World, list[LoggedMessage]]:
    world = World(program, list(cuts))
    with tempfile.TemporaryDirectory() as folder:
        return world, asyncio.run(world.run(Path(folder)))


def shapes(log: list[LoggedMessage]) -> list[Shape]:
    """The log without ids, times and what is random by nature."""
    return [
        (message.type, str(getattr(message, "body", "")).partition(" 0.")[0].partition(" 20")[0]) for message in log
    ]


def by_branch(log: list[LoggedMessage]) -> dict[str, list[Shape]]:
    """What each branch said, in order; branches side by side may be mixed in any way."""
    branches: dict[str, list[Shape]] = defaultdict(list)
    for message in log:
        branch = message.recipient if isinstance(message, InputAnswered) else message.sender
        branches[branch or ""] += shapes([message])
    return dict(branches)


@settings(max_examples=80)
@given(programs, st.lists(st.integers(0, 25), min_size=1, max_size=3))
@example(Node(True, (Leaf("ask"), Node(False, (Leaf("talk", 1), Leaf("talk", 2), Leaf("talk"))))), [2, 5])
@example(Node(True, (Leaf("talk", 3), Leaf("talk", 1), Leaf("talk", 2), Leaf("talk"))), [5, 9])
@example(Node(False, (Leaf("nested"), Leaf("flaky"), Leaf("flaky", 1), Leaf("nested"), Leaf("ask"))), [2, 3])
@example(Node(False, (Leaf("step"), Leaf("step"), Leaf("ask"), Leaf("step"), Leaf("random"), Leaf("now"))), [4])
@example(TWO_RESULTS_AT_ONCE, [13])
@example(RESULT_AT_ONCE, [8])
def test_any_cut_point_resumes(program: Program, cuts: list[int]) -> None:
    _, undisturbed = play(program, [])
    world, resumed = play(program, cuts)
    assert world.repeated == [], "a call was made again whose result was recorded"
    assert by_branch(resumed) == by_branch(undisturbed)
    if is_sequence(program):
        assert shapes(resumed) == shapes(undisturbed)
    assert len(world.recorded) == steps_of(program), "a replay asked for something else than the run before it"
