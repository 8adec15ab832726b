"""The arguments of a step as JSON: a step is recognised by them, in another process and on another day.

So they must look the same there. The `repr` of an object holds its place in memory, and a set has another order in each
process: what is not JSON, nor one of the few things below that have one stable form, is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel, JsonValue


def request_of(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> JsonValue:
    """The request of a step that calls the function `name`.

    Raises:
        TypeError: an argument has no stable form as JSON.
    """
    try:
        return [
            [_plain(value, f"argument {place}") for place, value in enumerate(args, 1)],
            {key: _plain(value, f"the argument {key!r}") for key, value in kwargs.items()},
        ]
    except _NotPlain as error:
        raise TypeError(
            f"ui.step cannot call {name}: {error}. A step is recognised by its arguments, so they must be JSON, "
            "or dataclasses, pydantic models, enums, dates and times, UUIDs, decimals, bytes or paths. "
            "Pass what identifies the thing, and get it inside the function."
        ) from None
    except RecursionError:
        raise TypeError(f"ui.step cannot call {name}: an argument contains itself.") from None


class _NotPlain(Exception):
    """What is in the way."""


_TEXTS: tuple[tuple[tuple[type, ...], Callable[[Any], JsonValue]], ...] = (
    ((date, time), lambda value: value.isoformat()),  # a datetime is a date
    ((UUID, Decimal), str),
    ((timedelta,), lambda value: value.total_seconds()),
    ((PurePath,), lambda value: value.as_posix()),
    ((bytes,), lambda value: value.hex()),
)


def _plain(value: Any, where: str) -> JsonValue:
    match value:
        case Enum():
            return _plain(value.value, where)
        case None | bool() | int() | float() | str():
            return value
        case BaseModel():
            return {key: _plain(each, f"{where}.{key}") for key, each in value}
        case list() | tuple():
            return [_plain(each, f"{where}[{place}]") for place, each in enumerate(value)]
        case Mapping():
            return {key: _plain(each, f"{where}[{key!r}]") for key, each in _items(value, where)}
        case set() | frozenset():
            raise _NotPlain(f"{where} is a set, whose order differs in each process: pass a sorted list")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name), f"{where}.{field.name}")
            for field in dataclasses.fields(value)
        }
    for classes, text in _TEXTS:
        if isinstance(value, classes):
            return text(value)
    raise _NotPlain(f"{where} is of type {type(value).__qualname__}")


def _items(value: Mapping[Any, Any], where: str) -> Iterator[tuple[str, Any]]:
    for key, each in value.items():
        if not isinstance(key, str):
            raise _NotPlain(f"{where} has the key {key!r}, which is not text")
        yield key, each
