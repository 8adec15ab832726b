"""A `User` is what it says, or it is refused in a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from fastagency_shared.user import User


def test_only_the_id_is_needed() -> None:
    user = User("anna")
    assert (user.id, user.name, user.roles, user.email) == ("anna", None, frozenset(), None)
    assert user.shown == "anna"
    assert User("7", email="a@example.org").shown == "a@example.org"
    assert User("7", "Anna", email="a@example.org").shown == "Anna"


def test_any_collection_of_roles_will_do() -> None:
    roles: Any = ["manager", "auditor", "manager"]
    assert User("anna", roles=roles).roles == frozenset({"manager", "auditor"})
    assert hash(User("anna", roles=roles)) == hash(User("anna", roles=frozenset(roles)))


@pytest.mark.parametrize("user", [User("anna"), User("7", "Änna", frozenset({"b", "a"}), "a@example.org")])
def test_it_survives_json(user: User) -> None:
    assert User.from_json(user.to_json()) == user


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": 7}, "The id of a User is text, not int."),
        ({"id": ""}, "The id of a User has 1 to 500 characters, not 0."),
        ({"id": "x" * 501}, "The id of a User has 1 to 500 characters, not 501."),
        ({"id": "a\0b"}, "The id of a User has a NUL character or half a character: 'a\\x00b'."),
        ({"id": "a\ud800"}, "The id of a User has a NUL character or half a character: 'a\\ud800'."),
        ({"id": "a", "name": b"Anna"}, "The name of a User is text, not bytes."),
        (
            {"id": "a", "roles": "admin"},
            """The roles of a User are a collection of texts, such as {"manager"}, not 'admin'.""",
        ),
        (
            {"id": "a", "roles": None},
            """The roles of a User are a collection of texts, such as {"manager"}, not None.""",
        ),
        ({"id": "a", "roles": [7]}, "The role of a User is text, not int."),
        ({"id": "a", "roles": map(str, range(201))}, "A User has at most 200 roles, not 201."),
    ],
)
def test_what_is_no_user_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError)) as refused:
        User(**fields)
    assert str(refused.value) == said
