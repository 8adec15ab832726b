from __future__ import annotations

from fastagency_backend.engine.key import Keys, steps_around


def test_a_key_is_what_is_asked_and_the_how_manieth_time() -> None:
    keys = Keys()
    first, second = (keys.next("tool", "ann", {"word": "red"}) for _ in range(2))
    assert first.endswith("#1")
    assert second == first.removesuffix("1") + "2"
    assert keys.next("tool", "bob", {"word": "red"}).endswith("#1")
    assert Keys().next("tool", "ann", {"word": "red"}) == first, "the same in every process"


def test_what_is_done_inside_a_step_is_counted_as_a_part_of_it() -> None:
    keys = Keys()
    outer = keys.next("tool", "ann", "lookup")
    outside = keys.next("ask", "ann", "sure?")
    inside = keys.next("ask", "ann", "sure?", inside=outer)
    innermost = keys.next("now", "", "", inside=inside)
    assert (outside.endswith("#1"), inside.endswith("#1")) == (True, True)
    assert steps_around(outer) == []
    assert steps_around(innermost) == [outer, inside]
