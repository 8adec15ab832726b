"""Python values as JSON and back, for what the classic API returns: completions of any client, results of functions.

A completion must come back as the object it was: the framework looks at its class, its attributes and those a client
added on the way. Pydantic objects therefore travel with their class and their complete state; a value that cannot
travel is refused, so that it is never brought back as something else. Nothing is ever executed: a class is looked up
by name and must be a pydantic model or an enumeration.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from enum import Enum
from types import SimpleNamespace
from typing import Any, TypeVar

from pydantic import BaseModel, JsonValue

from fastagency_backend.engine import recording

C = TypeVar("C")

_MODEL = "$model"
_ENUM = "$enum"
_NAMESPACE = "$namespace"
_DICT = "$dict"
_TAGS = (_MODEL, _ENUM, _NAMESPACE, _DICT)


class Unrecordable(recording.Unrecordable):
    """A value of a kind that cannot be recorded; the text names its type."""


def encode(value: Any) -> JsonValue:
    """The value as JSON.

    Raises:
        Unrecordable: it holds something that is neither JSON, nor a pydantic model, an `Enum` or a `SimpleNamespace`.
    """
    match value:
        case None | bool() | int() | float() | str() if type(value) in (type(None), bool, int, float, str):
            return value
        case BaseModel():
            return {_MODEL: _path(type(value)), "state": _encode_state(value)}
        case Enum():
            return {_ENUM: _path(type(value)), "name": value.name}
        case SimpleNamespace():
            return {_NAMESPACE: _encode_items(vars(value))}
        case list() if type(value) is list:
            return [encode(item) for item in value]
        case dict() if type(value) is dict and all(isinstance(key, str) for key in value):
            items = _encode_items(value)
            return {_DICT: items} if any(tag in value for tag in _TAGS) else items
    raise Unrecordable(f"{type(value).__module__}.{type(value).__qualname__}")


def decode(data: JsonValue) -> Any:
    """The value that `encode` was given."""
    match data:
        case {"$model": str(path), "state": dict(state)}:
            return _decode_model(path, state)
        case {"$enum": str(path), "name": str(name)}:
            return _find(path, Enum)[name]
        case {"$namespace": dict(items)}:
            return SimpleNamespace(**_decode_items(items))
        case {"$dict": dict(items)}:
            return _decode_items(items)
        case dict():
            return _decode_items(data)
        case list():
            return [decode(item) for item in data]
    return data


def fingerprint(value: Any) -> JsonValue:
    """What a request asks, for its digest: like JSON, and the same in every process.

    Classes and functions go in by name, other objects by their type: never by an address.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case BaseModel():
            return fingerprint(value.model_dump())
        case Mapping():
            return {str(key): fingerprint(item) for key, item in value.items()}
        case list() | tuple():
            return [fingerprint(item) for item in value]
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}:{named.__qualname__}"


def _encode_items(items: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {key: encode(item) for key, item in items.items()}


def _decode_items(items: Mapping[str, JsonValue]) -> dict[str, Any]:
    return {key: decode(item) for key, item in items.items()}


def _encode_state(model: BaseModel) -> JsonValue:
    """What pydantic would pickle. Private attributes are left out when they cannot travel: they are caches and ids."""
    state = model.__getstate__()
    try:
        private = encode(state["__pydantic_private__"])
    except Unrecordable:
        private = None
    return {
        "fields": _encode_items(state["__dict__"]),
        "extra": encode(state["__pydantic_extra__"]),
        "set": sorted(state["__pydantic_fields_set__"]),
        "private": private,
    }


def _decode_model(path: str, state: Mapping[str, Any]) -> BaseModel:
    cls = _find(path, BaseModel)
    model = cls.__new__(cls)
    model.__setstate__(
        {
            "__dict__": _decode_items(state["fields"]),
            "__pydantic_extra__": decode(state["extra"]),
            "__pydantic_fields_set__": set(state["set"]),
            "__pydantic_private__": decode(state["private"]),
        }
    )
    return model


def _path(cls: type) -> str:
    path = f"{cls.__module__}:{cls.__qualname__}"
    try:
        found: type | None = _find(path, cls)
    except Unrecordable:
        found = None
    if found is not cls:
        raise Unrecordable(f"{cls.__module__}.{cls.__qualname__} (not found under its own name)")
    return path


def _find(path: str, base: type[C]) -> type[C]:
    module, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise Unrecordable(path) from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise Unrecordable(path)
    return found
