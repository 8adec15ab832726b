"""A person who has signed in, as everybody here speaks of them: workflows, the backend, the page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from fastagency_shared.run import MAX_USER_ID_CHARS

MAX_USER_CHARS = 500
"""Of a name, an address or a role."""
MAX_ROLES = 200


@dataclass(frozen=True, slots=True)
class User:
    """Who somebody is: what `get_user_id` returns, and what a workflow has as `ui.user`.

    `id` is what everything of theirs is kept under, so it has to stay the same; name and address may change. `roles`
    may be any collection of texts, and is a frozenset here.

    Raises:
        TypeError: something is not text, or `roles` is one text.
        ValueError: a text is empty or too long, or has a character that no database keeps.
    """

    id: str
    name: str | None = None
    roles: frozenset[str] = frozenset()
    email: str | None = None

    def __post_init__(self) -> None:
        _check("id", self.id, MAX_USER_ID_CHARS)
        for about in ("name", "email"):
            if getattr(self, about) is not None:
                _check(about, getattr(self, about), MAX_USER_CHARS)
        object.__setattr__(self, "roles", _roles(self.roles))

    @property
    def shown(self) -> str:
        """What people are shown: the name, or else the address, or else the id."""
        return self.name or self.email or self.id

    def to_dict(self) -> dict[str, Any]:
        """As JSON objects have it; what is not known is left out."""
        found = {"id": self.id, "name": self.name, "roles": sorted(self.roles), "email": self.email}
        return {name: value for name, value in found.items() if value}

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The opposite of `to_json`."""
        return cls(**json.loads(text))


def _check(about: str, value: object, limit: int) -> None:
    if not isinstance(value, str):
        raise TypeError(f"The {about} of a User is text, not {type(value).__name__}.")
    if not 0 < len(value) <= limit:
        raise ValueError(f"The {about} of a User has 1 to {limit} characters, not {len(value)}.")
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError(f"The {about} of a User has a NUL character or half a character: {value[:50]!r}.")


def _roles(roles: object) -> frozenset[str]:
    if isinstance(roles, str) or not isinstance(roles, Iterable):
        raise TypeError(f'The roles of a User are a collection of texts, such as {{"manager"}}, not {roles!r}.')
    found = frozenset(roles)
    if len(found) > MAX_ROLES:
        raise ValueError(f"A User has at most {MAX_ROLES} roles, not {len(found)}.")
    for role in found:
        _check("role", role, MAX_USER_CHARS)
    return found
