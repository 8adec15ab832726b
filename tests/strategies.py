"""Hypothesis strategies for what crosses the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastagency_shared.messages import Message, MultipleChoice, message_classes
from hypothesis import strategies as st

texts = st.text(max_size=30)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(texts, json_values, max_size=3)
moments = st.floats(0, 4e9).map(lambda seconds: datetime.fromtimestamp(round(seconds, 6), UTC))

_BY_FIELD: dict[str, st.SearchStrategy[Any]] = {
    "uuid": st.uuids().map(lambda value: value.hex),
    "workflow_uuid": st.uuids().map(lambda value: value.hex),
    "seq": st.none() | st.integers(1, 2**40),
    "epoch": st.integers(0, 3),
    "at": st.none() | moments,
    "auto_reply": st.booleans(),
    "arguments": json_objects,
    "params": json_objects,
    "message": json_objects,
    "retval": json_values,
    "suggestions": st.lists(texts, max_size=3),
    "choices": st.lists(texts, max_size=4, unique=True),
    "password": st.booleans(),
    "single": st.booleans(),
    "is_error": st.booleans(),
    "interrupted": st.booleans(),
    "accepted": st.booleans(),
    "prompt_tokens": st.integers(0, 10**6),
    "completion_tokens": st.integers(0, 10**6),
    "question": texts,
    "stream": texts,
    "delta": texts,
    "offset": st.none() | st.integers(0, 10**6),
    "status": texts,
    "deadline": st.none() | moments,
    "value": st.none() | texts | st.lists(texts, max_size=3),
}


def messages_of(cls: type[Message]) -> st.SearchStrategy[Message]:
    """Messages of one class, every field filled at random."""
    fields = {name: _BY_FIELD.get(name, st.none() | texts) for name in cls.model_fields if name != "type"}
    return st.builds(cls, **fields)


any_message: st.SearchStrategy[Any] = st.one_of([messages_of(cls) for cls in message_classes()])


@st.composite
def several_choices(draw: st.DrawFn) -> MultipleChoice:
    """A question of which any number may be chosen; choices may hold commas."""
    alphabet = st.text(st.sampled_from("ab ,[]\"'"), min_size=1, max_size=6)
    choices = draw(st.lists(alphabet.filter(lambda text: text == text.strip()), min_size=1, max_size=5, unique=True))
    return MultipleChoice(choices=choices, single=False)
