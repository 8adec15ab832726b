"""What is made of a text message by hand is, to the letter, what its class makes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastagency_backend.engine.body import body_of
from fastagency_backend.engine.identity import identity_of
from fastagency_backend.engine.key import digest
from fastagency_backend.engine.plain import plain_text, text_body, text_identity
from fastagency_shared.messages import TextMessage
from hypothesis import given
from hypothesis import strategies as st

ANY = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
HALVES = st.text(alphabet=st.characters())
CONTROLS = "".join(map(chr, range(160))) + "\u2028\u2029\ufffe\U0001f600"


def fields(texts: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    names = ("uuid", "sender", "recipient", "body")
    return st.fixed_dictionaries({}, optional={name: st.none() | texts for name in names})


def made_by_its_class(given: dict[str, Any], uuid: str) -> TextMessage:
    known = {name: value for name, value in given.items() if value is not None}
    return TextMessage.model_validate({"uuid": uuid, **known, "workflow_uuid": "r"})


@given(fields(ANY))
def test_a_text_that_is_no_object_is_the_one_that_its_class_makes(given: dict[str, Any]) -> None:
    said = plain_text("r", given)
    assert said is not None
    expected = made_by_its_class(given, json.loads(said.body)["uuid"])
    assert said == (given.get("sender"), expected.model_dump_json(), text_identity(expected))


def test_its_id_is_new_each_time() -> None:
    first, second = plain_text("r", {"body": "x"}), plain_text("r", {"body": "x"})
    assert first is not None
    assert second is not None
    assert first.body != second.body
    assert first.identity == second.identity


@given(fields(ANY), st.booleans())
def test_so_is_its_json(given: dict[str, Any], auto_reply: bool) -> None:
    message = TextMessage(**{name: value for name, value in given.items() if value is not None}, auto_reply=auto_reply)
    assert text_body(message) == message.model_dump_json()


def test_so_are_control_characters() -> None:
    message = TextMessage(sender=CONTROLS, body=CONTROLS)
    assert text_body(message) == message.model_dump_json()


@given(fields(HALVES), st.booleans())
def test_the_key_is_the_one_of_before(given: dict[str, Any], auto_reply: bool) -> None:
    message = TextMessage.model_construct(**given, auto_reply=auto_reply)
    text = text_identity(message) if given.get("uuid", "") is not None else None
    assert text is None or digest(text, without="a") == digest(identity_of(message), without="a")


@pytest.mark.parametrize(
    "update", [{"interrupted": True}, {"seq": 1}, {"body": 1}, {"sender": b"a"}, {"auto_reply": 0}, {"uuid": None}]
)
def test_anything_else_goes_the_ordinary_way(update: dict[str, Any]) -> None:
    message = TextMessage(body="x").model_copy(update=update)
    assert (text_body(message), text_identity(message)) == (None, None)


@pytest.mark.parametrize("given", [{"body": 1}, {"auto_reply": True}, {"nothing": "x"}, {"interrupted": None}])
def test_so_does_what_has_to_be_looked_at(given: dict[str, Any]) -> None:
    assert plain_text("r", given) is None


def test_halves_of_characters_become_question_marks() -> None:
    assert text_body(TextMessage(body="a").model_copy(update={"body": "a\ud83d"})) is None
    assert plain_text("r", {"body": "a\ud83d"}) is None
    assert '"body":"a?"' in body_of(TextMessage(body="a").model_copy(update={"body": "a\ud83d"}))
