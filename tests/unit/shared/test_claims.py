"""Who somebody is by the claims of an identity provider."""

from __future__ import annotations

from typing import Any

import pytest
from fastagency_shared.claims import user_of_claims
from fastagency_shared.user import User

ISSUER = "https://id.example.org"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, User(f"{ISSUER}|7")),
        ({"name": "", "preferred_username": "anna", "email": ""}, User(f"{ISSUER}|7", "anna")),
        ({"name": 7, "preferred_username": 8, "email": []}, User(f"{ISSUER}|7")),
        ({"email": "a@example.org"}, User(f"{ISSUER}|7", email="a@example.org")),
        ({"email": "a@example.org", "email_verified": True}, User(f"{ISSUER}|7", email="a@example.org")),
        ({"email": "a@example.org", "email_verified": False}, User(f"{ISSUER}|7")),
        ({"realm": {"roles": ["b", "", 7, "a"]}}, User(f"{ISSUER}|7", roles=frozenset("ab"))),
        ({"realm.roles": "c", "realm": {"roles": ["a"]}}, User(f"{ISSUER}|7", roles=frozenset("c"))),
        ({"realm": ["roles"]}, User(f"{ISSUER}|7")),
    ],
)
def test_the_user_of_claims(claims: dict[str, Any], expected: User) -> None:
    assert user_of_claims(ISSUER, {"sub": "7", **claims}, "realm.roles") == expected


def test_nobody_is_no_user() -> None:
    with pytest.raises(ValueError, match="nobody"):
        user_of_claims(ISSUER, {"sub": ""}, "roles")
