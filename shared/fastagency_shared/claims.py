"""The person in the claims of an identity provider: of an ID token at the page, of a bearer token at the backend.

https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastagency_shared.user import User


def user_of_claims(issuer: str, claims: Mapping[str, Any], roles_claim: str) -> User:
    """Who somebody is: issuer and subject together, for a subject alone may be in two of them.

    An address that the provider calls unverified is not taken: anybody could claim that of somebody else, and be asked
    what is for them.

    Raises:
        ValueError: it is nobody, or a text is too long.
    """
    if not claims["sub"]:
        raise ValueError("it is of nobody")
    name = _text(claims.get("name")) or _text(claims.get("preferred_username"))
    email = None if claims.get("email_verified") is False else _text(claims.get("email"))
    found = claim_at(claims, roles_claim)
    roles = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return User(f"{issuer}|{claims['sub']}", name, frozenset(filter(None, map(_text, roles))), email)


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """A claim of that very name, or the one to which the dots lead; None if there is none."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
