"""The WebSocket as an AsyncAPI 3.0 document: what OpenAPI cannot describe, generated from the message classes."""

from __future__ import annotations

import inspect
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from fastagency_shared.connection import BEARER_SUBPROTOCOL, SUBPROTOCOL_V2, AnswerFrame, CancelFrame, FirstFrame
from fastagency_shared.messages import AnyMessage, Message, message_classes, parse_message, to_v1
from fastagency_shared.run import InitiateReply

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/{model}"
PLAIN_ANSWER: Json = {
    "name": "plain_answer",
    "summary": "v1: the answer to the oldest question that is open, as it is.",
    "contentType": "text/plain",
    "payload": {"type": "string"},
}
VERSIONS = {
    "v1": "The guide's protocol: the first frame is the reply to initiate_workflow, after it each text frame answers.",
    "v2": f"With the subprotocol {SUBPROTOCOL_V2}: a cursor in the first frame, answers that name their question. "
    f"Where people sign in, a browser offers its token beside it: {BEARER_SUBPROTOCOL}TOKEN.",
}


def asyncapi_document(*, address: str, version: str) -> Json:
    """Both versions of the protocol on the WebSocket at `address` (a path)."""
    frames: dict[str, list[type[BaseModel]]] = {"v1": [InitiateReply], "v2": [FirstFrame, AnswerFrame, CancelFrame]}
    sent = {"v1": [_type(cls) for cls in message_classes() if _in_v1(cls)], "v2": list(map(_type, message_classes()))}
    received = {each: [model.__name__ for model in models] for each, models in frames.items()}
    received["v1"].append("plain_answer")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "FastAgency WebSocket",
            "version": version,
            "description": "One connection follows one run and answers its questions.",
        },
        "defaultContentType": "application/json",
        "channels": {each: _channel(each, address, sent[each] + received[each]) for each in VERSIONS},
        "operations": {
            f"{each}_{action}": _operation(each, action, names)
            for action, by_version in (("send", sent), ("receive", received))
            for each, names in by_version.items()
        },
        "components": {"messages": _messages(frames), "schemas": _schemas(frames)},
    }


def _type(cls: type[Message]) -> str:
    name: str = cls.model_fields["type"].default
    return name


def _in_v1(cls: type[Message]) -> bool:
    sample = parse_message({"type": _type(cls)})
    return to_v1(sample) is sample


def _channel(version: str, address: str, names: list[str]) -> Json:
    binding: Json = {"method": "GET"}
    if version == "v2":
        offered = {"type": "string", "const": SUBPROTOCOL_V2}
        binding["headers"] = {"type": "object", "properties": {"Sec-WebSocket-Protocol": offered}}
    return {
        "address": address,
        "description": VERSIONS[version],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": binding},
    }


def _operation(version: str, action: str, names: list[str]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{version}"},
        "messages": [{"$ref": f"#/channels/{version}/messages/{name}"} for name in names],
    }


def _messages(frames: dict[str, list[type[BaseModel]]]) -> Json:
    described = {_type(cls): cls for cls in message_classes()} | {
        model.__name__: model for models in frames.values() for model in models
    }
    return {"plain_answer": PLAIN_ANSWER} | {name: _message(name, model) for name, model in described.items()}


def _message(name: str, model: type[BaseModel]) -> Json:
    summary = inspect.cleandoc(model.__doc__ or "")
    return {"name": name, "summary": summary, "payload": {"$ref": SCHEMAS.format(model=model.__name__)}}


def _schemas(frames: dict[str, list[type[BaseModel]]]) -> Json:
    messages: Json = TypeAdapter(AnyMessage).json_schema(ref_template=SCHEMAS)["$defs"]
    models = [(model, "validation") for models in frames.values() for model in models]
    _, others = models_json_schema(models, ref_template=SCHEMAS)  # type: ignore[arg-type]
    return {**messages, **others["$defs"]}
