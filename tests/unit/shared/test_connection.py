"""Frames of clients: whatever comes in, it is read or refused with a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastagency_shared.connection import (
    AnswerFrame,
    CancelFrame,
    CloseCode,
    FirstFrame,
    read_client_frame,
    read_first_frame,
)
from fastagency_shared.errors import InvalidRequest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import json_values

RUN = "0123456789abcdef0123456789abcdef"

# Text, JSON of any kind, and objects that look nearly right: each must be read or refused, nothing else.
nearly = st.fixed_dictionaries(
    {},
    optional={
        "workflow_uuid": st.just(RUN) | json_values,
        "user_id": json_values,
        "after": json_values | st.integers(),
        "type": st.sampled_from(["answer", "cancel", "other"]) | json_values,
        "question": json_values,
        "value": json_values,
    },
)
garbage = st.text() | st.text(st.characters(), max_size=20) | json_values.map(json.dumps) | nearly.map(json.dumps)


@given(garbage, st.sampled_from([read_first_frame, read_client_frame]))
@example('{"type": "two\\nlines"}', read_client_frame)
def test_garbage_raises_nothing_but_invalid_request(text: str, read: Callable[[str], object]) -> None:
    try:
        read(text)
    except InvalidRequest as error:
        sentence = str(error)
    else:
        return
    assert sentence.endswith(".")
    assert len(sentence.splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "1" * 10_000, '{"after": ' + "9" * 10_000 + "}", "NaN"]
)
def test_hostile_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_first_frame(text)
    with pytest.raises(InvalidRequest):
        read_client_frame(text)


def test_the_reply_to_initiate_workflow_is_a_first_frame() -> None:
    reply = {"name": "w", "workflow_uuid": RUN, "user_id": "u", "params": {"a": 1}}
    assert read_first_frame(json.dumps(reply)) == FirstFrame(workflow_uuid=RUN, user_id="u", after=0)


def test_a_cursor_resumes() -> None:
    assert read_first_frame(json.dumps({"workflow_uuid": RUN, "after": 7})).after == 7


@pytest.mark.parametrize("after", [-1, 1.5, "x", 2**63, 10**100, None])
def test_a_cursor_is_a_number_that_a_log_can_have(after: Any) -> None:
    with pytest.raises(InvalidRequest, match="after"):
        read_first_frame(json.dumps({"workflow_uuid": RUN, "after": after}))


@pytest.mark.parametrize("value", ["tea", "", ["tea"], []])
def test_an_answer_names_its_question(value: Any) -> None:
    frame = read_client_frame(json.dumps({"type": "answer", "question": "q", "value": value}))
    assert frame == AnswerFrame(type="answer", question="q", value=value)


def test_cancel() -> None:
    assert read_client_frame('{"type": "cancel"}') == CancelFrame(type="cancel")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "this is not JSON"),
        ("", "this is not JSON"),
        ("[]", "not a list"),
        ('"x"', "not a string"),
        ("true", "not true or false"),
        ("null", "not null"),
        ("5", "not a number"),
        ("{}", "type"),
        ('{"type": "shout"}', "'shout'"),
        ('{"type": "answer", "value": "x"}', "question"),
        ('{"type": "answer", "question": "q", "value": 5}', "value"),
        ('{"type": "answer", "question": "q", "value": [1]}', "value"),
    ],
)
def test_the_sentence_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says):
        read_client_frame(text)


@pytest.mark.parametrize("frame", [{}, {"workflow_uuid": 5}, {"workflow_uuid": "x"}, {"workflow_uuid": None}])
def test_a_first_frame_without_a_run_is_refused(frame: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="first frame must be the reply to initiate_workflow; its workflow_uuid"):
        read_first_frame(json.dumps(frame))


def test_close_codes_of_ours_are_in_the_range_for_applications() -> None:
    own = [code for code in CloseCode if code >= 4000]
    assert own
    assert all(4000 <= code <= 4999 for code in own)
