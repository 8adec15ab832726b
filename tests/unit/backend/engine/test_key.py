from __future__ import annotations

import json

from fastagency_backend.engine.identity import identity_of
from fastagency_backend.engine.key import Keys, steps_around
from fastagency_shared.messages import TextMessage
from pydantic import Field

RUN, OTHER = "a" * 32, "b" * 32


def test_a_key_is_what_is_asked_and_the_how_manieth_time() -> None:
    keys = Keys(RUN, 2)
    first, second = (keys.next("tool", "ann", {"word": "red"}) for _ in range(2))
    assert first.endswith("#1")
    assert second == first.removesuffix("1") + "2"
    assert keys.next("tool", "bob", {"word": "red"}).endswith("#1")
    assert Keys(RUN, 2).next("tool", "ann", {"word": "red"}) == first, "the same in every process"


def test_what_is_done_inside_a_step_is_counted_as_a_part_of_it() -> None:
    keys = Keys(RUN, 2)
    outer = keys.next("tool", "ann", "lookup")
    outside = keys.next("ask", "ann", "sure?")
    inside = keys.next("ask", "ann", "sure?", inside=outer)
    innermost = keys.next("now", "", "", inside=inside)
    assert (outside.endswith("#1"), inside.endswith("#1")) == (True, True)
    assert steps_around(outer) == []
    assert steps_around(innermost) == [outer, inside]


def test_the_runs_id_is_in_no_key() -> None:
    requests = [RUN, {"booking": f"for {RUN}", "of": [RUN]}, {}]
    ours, theirs = Keys(RUN, 2), Keys(OTHER, 2)
    for request in requests:
        copied = json.loads(json.dumps(request).replace(RUN, OTHER))
        assert ours.next("step", RUN, request) == theirs.next("step", OTHER, copied)


def test_a_run_of_1_0_keeps_its_keys() -> None:
    assert Keys(RUN, 1).next("step", "book", RUN) == "step:book:8fdf2e2976e43c33cdcbbb79#1"
    assert Keys(RUN, 1).next("step", "book", RUN) != Keys(OTHER, 1).next("step", "book", OTHER)


def test_a_field_that_a_later_version_adds_changes_no_message() -> None:
    class Later(TextMessage):
        colour: str | None = None
        marks: list[str] = Field(default_factory=list)

    assert identity_of(Later(body="x", sender="ann")) == identity_of(TextMessage(body="x", sender="ann"))
    assert identity_of(Later(body="x", colour="red")) != identity_of(Later(body="x"))
