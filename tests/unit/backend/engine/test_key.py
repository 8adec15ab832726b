from __future__ import annotations

import json

from fastagency_backend.engine.identity import identity_of
from fastagency_backend.engine.key import Keys, steps_around
from fastagency_shared.messages import TextMessage
from hypothesis import given
from hypothesis import strategies as st
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


@given(st.lists(st.tuples(st.sampled_from(["next", "end", "give_back", "begin_again"]), st.integers(0, 5))))
def test_no_two_under_way_have_one_key_and_a_place_given_back_is_the_next(steps: list[tuple[str, int]]) -> None:
    keys = Keys(RUN, 2)
    outer = keys.next("tool", "ann", "outer", lasting=True)
    under_way: list[str] = []
    done: set[str] = set()
    for what, nth in steps:
        if what == "next":
            key = keys.next("tool", "ann", "inner", inside=outer, lasting=True)
            assert key not in under_way
            assert key not in done
            free = set(range(1, 50)) - {int(used.rpartition("#")[2]) for used in {*under_way, *done}}
            assert key.endswith(f"#{min(free)}")
            under_way.append(key)
        elif what == "begin_again":
            keys.begin_again(outer)
            done.clear()
        elif under_way:
            key = under_way.pop(nth % len(under_way))
            keys.end(key) if what == "end" else keys.give_back(key)
            done |= {key} if what == "end" else set()


def test_a_run_of_1_0_has_a_place_for_each_attempt() -> None:
    keys = Keys(RUN, 1)
    first = keys.next("tool", "ann", "x", lasting=True)
    keys.give_back(first)
    assert keys.next("tool", "ann", "x", lasting=True).endswith("#2")
