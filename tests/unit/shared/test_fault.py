"""What does not fit is said in one way, whoever found it."""

from __future__ import annotations

import pytest
from fastagency_shared.fault import describe, describe_request, fault, faults
from fastagency_shared.run import InitiateRequest, RenameRequest
from pydantic import BaseModel, ValidationError


def refused(cls: type[BaseModel], data: object) -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        cls.model_validate(data)
    return raised.value


def test_it_says_where_and_what() -> None:
    error = refused(InitiateRequest, {"params": {"a": object()}, "user_id": 5})
    assert describe(error) == "workflow_name: Field required"
    assert [each.place[0] for each in faults(error)][:2] == ["workflow_name", "user_id"]


def test_a_sentence_of_our_own_is_not_called_a_value_error() -> None:
    assert describe(refused(RenameRequest, {"title": " "})) == "title: should not be empty"


def test_what_has_no_place_has_no_colon() -> None:
    assert ":" not in describe(refused(RenameRequest, []))


def test_a_request_names_its_fields_without_the_part_that_they_came_in() -> None:
    errors = [{"loc": ["body", name], "msg": "Field required"} for name in "abcd"]
    assert describe_request(errors) == (
        "The request is not valid: a: Field required; b: Field required; c: Field required."
    )
    assert describe_request([{"loc": ("body",), "msg": "Field required"}]) == (
        "The request is not valid: body: Field required."
    )


@pytest.mark.parametrize("error", [{}, {"loc": 5}, {"loc": None, "msg": None}])
def test_what_another_server_sends_as_an_error_is_taken_as_it_comes(error: dict[str, object]) -> None:
    assert str(fault(error))
    assert describe_request([error]).startswith("The request is not valid: ")


def test_nothing_in_particular_is_a_sentence_too() -> None:
    assert describe_request([]) == "The request is not valid: it was not accepted."
