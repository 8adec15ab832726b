"""What a `get_user_id` may return."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from fastagency_backend.web.identity import user_of
from fastagency_shared.user import User


class Team(StrEnum):
    RED = "red"


class Account:
    """A row of an application's own."""


@pytest.mark.parametrize(
    ("found", "user"),
    [
        (None, None),
        ("anna", User("anna")),
        (0, User("0")),
        (UUID(int=7), User("00000000-0000-0000-0000-000000000007")),
        (User("anna", "Anna"), User("anna", "Anna")),
        (Team.RED, User("red")),
    ],
)
def test_ids_and_users(found: Any, user: User | None) -> None:
    assert user_of(found) == user
    if user is not None:
        assert type(user.id) is str


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (Account(), f"{__name__}.Account"),
        (User, "type"),
        ({"id": "anna"}, "dict"),
        (b"anna", "bytes"),
        (True, "bool"),
        (1.5, "float"),
        ("", "an empty text"),
    ],
)
def test_anything_else_is_named_with_what_to_return(found: Any, named: str) -> None:
    with pytest.raises(TypeError) as refused:
        user_of(found)
    assert str(refused.value) == (
        f"get_user_id returned {named}. It must return a str, an int, a UUID, a fastagency.User, or None for nobody."
    )
