"""What is made of a question for text and its answer by hand is, to the letter, what their classes make."""

from __future__ import annotations

from typing import Any

import pytest
from fastagency_backend.engine.body import body_of
from fastagency_backend.engine.identity import identity_of
from fastagency_backend.engine.key import digest
from fastagency_backend.engine.plain_question import answered_body, input_body, input_identity, text_input
from fastagency_shared.messages import InputAnswered, TextInput
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.backend.engine.test_plain import ANY, HALVES


def fields(texts: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    names = ("uuid", "sender", "recipient", "prompt")
    return st.fixed_dictionaries({}, optional={name: st.none() | texts for name in names})


@given(fields(ANY))
def test_a_question_is_the_one_that_its_class_makes(given: dict[str, Any]) -> None:
    made = text_input("r", given)
    assert made is not None
    known = {name: value for name, value in given.items() if value is not None}
    expected = TextInput.model_validate(known | {"workflow_uuid": "r", "uuid": made.uuid})
    assert made == expected
    assert list(made.__dict__) == list(expected.__dict__)
    assert made.model_fields_set | {"uuid"} == expected.model_fields_set
    assert input_body(made) == expected.model_dump_json()


@given(fields(HALVES))
def test_the_key_of_a_question_is_the_one_of_before(given: dict[str, Any]) -> None:
    question = TextInput.model_construct(**given)
    text = input_identity(question) if given.get("uuid", "") is not None else None
    assert text is None or digest(text, without="a") == digest(identity_of(question), without="a")


@pytest.mark.parametrize(
    "update",
    [{"suggestions": ["a"]}, {"password": True}, {"seq": 1}, {"prompt": 1}, {"sender": b"a"}, {"auto_reply": True}],
)
def test_any_other_question_goes_the_ordinary_way(update: dict[str, Any]) -> None:
    question = TextInput(prompt="x").model_copy(update=update)
    assert (input_body(question), input_identity(question)) == (None, None)


@pytest.mark.parametrize("given", [{"prompt": 1}, {"suggestions": []}, {"password": True}, {"nothing": "x"}])
def test_so_does_a_question_that_has_to_be_looked_at(given: dict[str, Any]) -> None:
    assert text_input("r", given) is None


@given(ANY, st.none() | ANY, st.none() | ANY)
def test_so_is_what_tells_of_an_answer(uuid: str, sender: str | None, value: str | None) -> None:
    body = answered_body("r", TextInput(uuid=uuid, sender=sender), value)
    assert body is not None
    told = InputAnswered.model_validate_json(body)
    expected = InputAnswered(
        uuid=told.uuid, workflow_uuid="r", sender="User", recipient=sender, question=uuid, value=value
    )
    assert body == expected.model_dump_json()


def test_halves_of_characters_in_a_question_become_question_marks() -> None:
    question = TextInput(prompt="a").model_copy(update={"prompt": "a\ud83d"})
    assert input_body(question) is None
    assert '"prompt":"a?"' in body_of(question)
