"""A step's arguments have one form, in every process; what has none is refused with a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID

import pytest
from fastagency_backend.workflow.argument import request_of
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.strategies import json_values


class Colour(Enum):
    RED = 1


class Size(StrEnum):
    LARGE = "large"


class Order(BaseModel):
    dish: str
    at: datetime | None = None
    tags: Any = None


@dataclass
class Guest:
    name: str
    orders: list[Order] = field(default_factory=list)


STABLE = [
    (Colour.RED, 1),
    (Size.LARGE, "large"),
    (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
    (date(2026, 1, 2), "2026-01-02"),
    (time(3, 4), "03:04:00"),
    (timedelta(minutes=1), 60.0),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Decimal("1.10"), "1.10"),
    (PurePosixPath("a/b"), "a/b"),
    (PureWindowsPath("a\\b"), "a/b"),
    (b"\x00\xff", "00ff"),
    ((1, (2,)), [1, [2]]),
    (Guest("Ann", [Order(dish="soup")]), {"name": "Ann", "orders": [{"dish": "soup", "at": None, "tags": None}]}),
]


@pytest.mark.parametrize(("value", "form"), STABLE, ids=[type(value).__name__ for value, _ in STABLE])
def test_what_has_one_form(value: object, form: object) -> None:
    assert request_of("book", [value], {"key": value}) == [[form], {"key": form}]


@given(st.lists(json_values), st.dictionaries(st.text(), json_values))
def test_json_is_its_own_form(args: list[Any], kwargs: dict[str, Any]) -> None:
    assert request_of("book", args, kwargs) == [args, kwargs]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "argument 1 is of type object"),
        ({"soup"}, "argument 1 is a set, whose order differs in each process: pass a sorted list"),
        ([{"a": frozenset()}], "argument 1[0]['a'] is a set"),
        ({1: "a"}, "argument 1 has the key 1, which is not text"),
        (Order(dish="soup", tags={"hot"}), "argument 1.tags is a set"),
        (lambda: None, "argument 1 is of type function"),
        (Guest, "argument 1 is of type type"),
        ((n for n in [1]), "argument 1 is of type generator"),
    ],
)
def test_what_has_no_form_is_refused(value: object, said: str) -> None:
    with pytest.raises(TypeError, match=r"ui\.step cannot call book: ") as refused:
        request_of("book", [value], {})
    assert said in str(refused.value)
    assert "0x" not in str(refused.value)
    with pytest.raises(TypeError, match="the argument 'order'"):
        request_of("book", [], {"order": value})


def test_what_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(TypeError, match="an argument contains itself"):
        request_of("book", [endless], {})
