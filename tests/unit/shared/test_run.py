"""A run's models: what a client may send to start, answer and name one."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from fastagency_shared.run import MAX_NAME_CHARS, MAX_TITLE_CHARS, InitiateRequest, RenameRequest, RunId, RunStatus
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.strategies import json_objects

run_id: TypeAdapter[str] = TypeAdapter(RunId)


@given(
    st.uuids(), st.sampled_from([str, lambda u: u.hex, lambda u: str(u).upper(), lambda u: u.urn, lambda u: f"{{{u}}}"])
)
def test_every_spelling_of_a_uuid_is_one_id(value: UUID, spell: object) -> None:
    assert run_id.validate_python(spell(value)) == value.hex  # type: ignore[operator]
    assert run_id.validate_python(value) == value.hex


@given(st.text(max_size=40) | st.integers() | st.none() | st.booleans())
def test_nothing_else_is_an_id(value: object) -> None:
    try:
        accepted = run_id.validate_python(value)
    except ValidationError:
        return
    assert re.fullmatch("[0-9a-f]{32}", accepted)


def test_a_wrong_id_is_explained() -> None:
    with pytest.raises(ValidationError, match="should be a UUID, such as"):
        InitiateRequest(workflow_name="w", workflow_uuid="mine")


def test_an_id_is_given_where_none_is_proposed() -> None:
    first, second = InitiateRequest(workflow_name="w"), InitiateRequest(workflow_name="w")
    assert first.workflow_uuid != second.workflow_uuid
    assert first.params == {}


@given(json_objects)
def test_params_are_kept_as_they_are(params: dict[str, object]) -> None:
    request = InitiateRequest.model_validate({"workflow_name": "w", "params": params})
    assert request.params == params


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), "half of an emoji: \ud83d"])
def test_params_that_no_json_text_can_carry_are_refused(value: object) -> None:
    for params in ({"a": value}, {"a": [{"b": value}]}):
        with pytest.raises(ValidationError, match=r"params\n.*cannot be written as JSON"):
            InitiateRequest.model_validate({"workflow_name": "w", "params": params})


@pytest.mark.parametrize("name", ["", "x" * (MAX_NAME_CHARS + 1)])
def test_a_name_has_a_size(name: str) -> None:
    with pytest.raises(ValidationError):
        InitiateRequest(workflow_name=name)


@given(st.text(max_size=MAX_TITLE_CHARS))
def test_a_title_is_one_line_and_never_empty(title: str) -> None:
    if not title.split():
        with pytest.raises(ValidationError, match="should not be empty"):
            RenameRequest(title=title)
    else:
        accepted = RenameRequest(title=title).title
        assert accepted == " ".join(title.split())
        assert len(accepted.splitlines()) == 1


def test_a_long_title_is_refused() -> None:
    with pytest.raises(ValidationError):
        RenameRequest(title="x" * (MAX_TITLE_CHARS + 1))


def test_three_states_are_an_end() -> None:
    assert {status.value for status in RunStatus if status.ended} == {"completed", "failed", "cancelled"}
