"""What is kept of a request, and what is said of a difference."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastagency_backend.engine.outline import (
    MAX_PARTS,
    MAX_TEXT,
    differences,
    likeness,
    outline,
    outline_of_call,
    outline_of_message,
)
from hypothesis import given
from hypothesis import strategies as st

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=2 * MAX_TEXT),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=80,
)


@given(json_values)
def test_an_outline_is_small_and_json(value: Any) -> None:
    parts = outline(value)
    assert len(parts) <= MAX_PARTS + 1
    assert all(len(text) < MAX_TEXT + 60 for text in parts.values())
    assert json.loads(json.dumps(parts)) == parts
    assert differences(parts, outline(value)) == []


@given(st.lists(st.integers(0, 9), min_size=1, max_size=3 * MAX_PARTS), st.data())
def test_any_change_shows(numbers: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(numbers) - 1))
    changed = [*numbers[:place], 10, *numbers[place + 1 :]]
    assert differences(outline(numbers), outline(changed))


def test_a_change_at_the_end_of_a_long_text_shows() -> None:
    [line] = differences(outline({"prompt": "a" * 500}), outline({"prompt": "a" * 499 + "b"}))
    assert "502 characters" in line


def test_a_difference_names_its_place() -> None:
    was, now = {"messages": [{"content": "Hi"}], "old": 1}, {"messages": [{"content": "Ho"}], "new": [2]}
    assert differences(outline(was), outline(now)) == [
        'messages[0].content: was "Hi", is now "Ho"',
        "old: was 1, is not there any more",
        "new[0]: is new: 2",
    ]


def test_many_differences_are_counted() -> None:
    lines = differences(outline(list(range(20))), outline(list(range(1, 21))))
    assert len(lines) == 6
    assert lines[-1] == "and 15 more differences"


@pytest.mark.parametrize("value", ["secret", {"deep": ["a secret inside"]}, {"a": "secret"}])
def test_what_is_hidden_is_not_there(value: Any) -> None:
    assert "secret" not in str(outline(value, {"secret", ""}))


def test_arguments_of_a_step_have_names() -> None:
    assert outline_of_call("step", [["Rome"], {"people": 2}]) == {"arguments[0]": '"Rome"', "keywords.people": "2"}


def test_a_message_without_what_is_new_each_time() -> None:
    body = '{"type":"text_message","uuid":"1","workflow_uuid":"2","sender":null,"content":{"body":"Hi"}}'
    assert outline_of_message(body) == {"type": '"text_message"', "content.body": '"Hi"'}


def test_likeness() -> None:
    assert likeness(outline({"a": 1, "b": 2}), outline({"a": 1, "b": 3})) == 0.5
    assert likeness({}, {}) == 0
