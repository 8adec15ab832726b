"""Who calls, as the settings name it: the dependency that an application of its own would pass to the adapter."""

from __future__ import annotations

from fastagency_shared.errors import InvalidSettings

from fastagency_backend.settings import BackendSettings
from fastagency_backend.target import import_target
from fastagency_backend.web.identity import GetUserId

VARIABLE = "FASTAGENCY_GET_USER_ID"


def load_get_user_id(settings: BackendSettings) -> GetUserId | None:
    """The dependency, or None if none is set. Raises `InvalidSettings`."""
    target = settings.get_user_id
    if target is None:
        return None
    found = import_target(VARIABLE, target)
    if not callable(found):
        module_name, _, attribute = target.partition(":")
        raise InvalidSettings(f"{VARIABLE}={target}: {module_name} has no function named {attribute!r}.")
    return found
