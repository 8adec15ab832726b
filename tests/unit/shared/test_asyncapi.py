"""The AsyncAPI document describes every message and every frame of both versions."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from fastagency_shared.asyncapi import asyncapi_document
from fastagency_shared.connection import SUBPROTOCOL_V2
from fastagency_shared.messages import Message, message_classes

from tests.golden.regenerate import SAMPLES
from tests.unit.shared.test_messages import V1_TYPES

document = asyncapi_document(address="/fastagency/ws", version="1.2.3")
TYPES = {cls.model_fields["type"].default for cls in message_classes()}


def resolve(ref: str) -> Any:
    found: Any = document
    for part in ref.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [ref for each in value for ref in references(each)]
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [ref for each in value.values() for ref in references(each)]
    return []


def test_it_is_an_asyncapi_document_of_this_socket() -> None:
    assert document["asyncapi"] == "3.0.0"
    assert document["info"]["version"] == "1.2.3"
    assert {channel["address"] for channel in document["channels"].values()} == {"/fastagency/ws"}
    assert SUBPROTOCOL_V2 in json.dumps(document["channels"]["v2"]["bindings"])


def test_every_reference_leads_somewhere() -> None:
    found = references(document)
    assert found
    for ref in found:
        assert isinstance(resolve(ref), dict)


def test_every_type_is_sent_and_a_v1_client_gets_those_of_the_guide() -> None:
    def names(operation: str) -> set[str]:
        return {ref["$ref"].rpartition("/")[2] for ref in document["operations"][operation]["messages"]}

    assert names("v2_send") == TYPES
    assert names("v1_send") == V1_TYPES
    assert names("v1_receive") == {"InitiateReply", "plain_answer"}
    assert names("v2_receive") == {"FirstFrame", "AnswerFrame", "CancelFrame"}


def test_every_message_is_described() -> None:
    assert set(document["components"]["messages"]) > TYPES
    for message in document["components"]["messages"].values():
        assert message["summary"].endswith(".")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda message: message.type)
def test_the_payloads_are_those_of_the_wire(sample: Message) -> None:
    payload = document["components"]["messages"][sample.type]["payload"]
    jsonschema.validate(sample.wire(), {**payload, "components": document["components"]})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"type": sample.type}, {**payload, "components": document["components"]})
