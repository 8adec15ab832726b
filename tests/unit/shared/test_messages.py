"""Messages: the wire's shape, in both directions, and the schema that describes it."""

from __future__ import annotations

import inspect
import json
from typing import Any

import jsonschema
import pytest
from fastagency_shared.messages import (
    ENVELOPE,
    AnyMessage,
    Error,
    FunctionCallExecution,
    InputAnswered,
    InputExpired,
    LoggedMessage,
    Message,
    MultipleChoice,
    SystemMessage,
    TextInput,
    TextMessage,
    TransientMessage,
    WorkflowCancelled,
    WorkflowFailed,
    message_classes,
    parse_message,
    to_v1,
    v1_json,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.golden.regenerate import FOLDER, SAMPLES, text_of
from tests.strategies import any_message, messages_of

V1_TYPES = {
    "text_message",
    "suggested_function_call",
    "function_call_execution",
    "text_input",
    "multiple_choice",
    "system_message",
    "keep_alive",
    "workflow_started",
    "workflow_completed",
    "error",
}
"""The types of the guide: what a client that knows nothing of v2 can read."""

by_class = pytest.mark.parametrize("cls", message_classes(), ids=lambda cls: cls.__name__)
by_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda message: message.type)
schema = TypeAdapter(AnyMessage).json_schema()
validator = jsonschema.Draft202012Validator(schema)


@by_sample
def test_the_wire_is_what_the_golden_file_says(sample: Message) -> None:
    golden = (FOLDER / f"{sample.type}.json").read_text(encoding="utf-8")
    assert golden == text_of(sample), "the wire has changed; see tests/golden/regenerate.py"
    assert parse_message(golden) == sample


def test_every_type_has_one_golden_file() -> None:
    types = {cls.model_fields["type"].default for cls in message_classes()}
    assert types == {sample.type for sample in SAMPLES} == {path.stem for path in FOLDER.glob("*.json")}


@given(any_message)
def test_a_message_survives_the_wire(message: Message) -> None:
    assert parse_message(message.wire()) == message
    assert parse_message(message.model_dump_json()) == message
    assert json.loads(message.model_dump_json()) == message.wire()


def expected_fields(message: Message) -> tuple[str, ...]:
    """The fields of the content, without those that are left out where they say nothing."""
    says = type(message).model_fields
    unsaid = {name for name, field in says.items() if field.exclude_if and field.exclude_if(getattr(message, name))}
    return tuple(name for name in message.content_fields() if name not in unsaid)


@given(any_message)
def test_the_envelope_is_outside_and_the_rest_is_content(message: Message) -> None:
    wire = message.wire()
    assert set(wire) <= {*ENVELOPE, "content"}
    assert tuple(wire["content"]) == expected_fields(message)
    assert ("seq" in wire) == (message.seq is not None)
    assert ("at" in wire) == (message.at is not None)


@given(any_message)
def test_fields_may_also_come_flat(message: Message) -> None:
    wire = message.wire()
    assert parse_message({**wire, **wire.pop("content")}) == message


@given(any_message)
def test_unknown_fields_are_ignored_inside_and_outside(message: Message) -> None:
    wire = message.wire()
    wire["content"]["invented"] = 1
    assert parse_message({**wire, "invented": {"a": 1}}) == message


@given(any_message, st.sampled_from(ENVELOPE))
def test_content_cannot_replace_the_envelope(message: Message, name: str) -> None:
    wire = message.wire()
    wire["content"][name] = "forged"
    assert parse_message(wire) == message


@by_class
def test_the_smallest_message_is_its_type(cls: type[Message]) -> None:
    message = parse_message({"type": cls.model_fields["type"].default})
    assert type(message) is cls
    assert len(message.uuid) == 32
    assert expected_fields(message) == tuple(message.wire()["content"])


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"type": "no_such_type"},
        {"type": "text_message", "content": {"body": 5}},
        {"type": "text_message", "seq": 0},
        {"type": "usage", "content": {"prompt_tokens": -1}},
        [],
        "[]",
        "{",
        b"\xff",
    ],
)
def test_what_is_no_message_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        parse_message(wrong)


def test_a_message_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        TextMessage(body="a").body = "b"  # type: ignore[misc]


@by_sample
def test_the_schema_describes_the_wire(sample: Message) -> None:
    jsonschema.validate(json.loads((FOLDER / f"{sample.type}.json").read_text(encoding="utf-8")), schema)


@settings(max_examples=60)
@given(any_message)
def test_the_schema_accepts_whatever_is_sent(message: Message) -> None:
    validator.validate(message.wire())


@by_sample
def test_the_schema_refuses_the_flat_shape_and_wrong_content(sample: Message) -> None:
    wire = sample.wire()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({name: value for name, value in wire.items() if name != "content"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**wire, "content": "text"}, schema)


@by_class
def test_each_schema_has_a_description_and_all_content(cls: type[Message]) -> None:
    own = schema["$defs"][cls.__name__]
    assert own["description"] == inspect.cleandoc(cls.__doc__ or "")
    assert set(own["properties"]["content"]["properties"]) == set(cls.content_fields())
    assert own["properties"]["type"]["const"] == cls.model_fields["type"].default


def test_logged_and_transient_do_not_overlap() -> None:
    logged, transient = set(LoggedMessage.__args__), set(TransientMessage.__args__)
    assert not logged & transient
    assert logged | transient == set(message_classes())
    assert {cls for cls in message_classes() if cls.is_question or cls.ends_run} <= logged


@given(any_message)
def test_a_v1_client_is_sent_only_types_of_the_guide(message: Any) -> None:
    shown = to_v1(message)
    assert (shown.type if shown is not None else "text_message") in V1_TYPES
    if message.type in V1_TYPES:
        assert shown is message
    else:
        assert (shown is None) == (not message.ends_run and not isinstance(message, InputExpired))


@given(messages_of(TextInput) | messages_of(MultipleChoice))
def test_a_v1_client_is_sent_no_deadline(message: Any) -> None:
    frame = json.loads(v1_json(message) or "")
    assert "deadline" not in frame["content"]
    assert frame["content"].keys() | {"deadline"} == message.wire()["content"].keys()


@given(messages_of(InputExpired))
def test_a_v1_client_is_told_that_a_question_has_expired_in_a_notice(message: InputExpired) -> None:
    shown = to_v1(message)
    assert isinstance(shown, SystemMessage)
    assert str(shown.message["body"]).startswith("Nobody answered in time")
    assert (message.value is None) == (shown.message["body"] == "Nobody answered in time.")


@given(messages_of(WorkflowFailed) | messages_of(WorkflowCancelled))
def test_a_v1_client_reads_the_end_as_an_error_with_the_same_envelope(message: Any) -> None:
    shown = to_v1(message)
    assert isinstance(shown, Error)
    assert shown.short or isinstance(message, WorkflowFailed)
    assert (shown.uuid, shown.sender, shown.seq) == (message.uuid, message.sender, message.seq)


@given(messages_of(FunctionCallExecution))
def test_a_v1_client_is_sent_only_fields_of_the_guide(message: Any) -> None:
    """A client of the guide's time builds its own class from the content, and refuses a field that it does not know."""
    frame = v1_json(message)
    assert frame is not None
    wire = json.loads(frame)
    assert set(wire["content"]) == {"function_name", "call_id", "retval"}
    assert parse_message(frame) == message.model_copy(update={"is_error": False})


def test_a_password_is_never_in_the_log() -> None:
    assert InputAnswered(question="q").wire()["content"] == {"question": "q", "value": None}
