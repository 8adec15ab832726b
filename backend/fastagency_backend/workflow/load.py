"""Finding the workflows that the settings name."""

from __future__ import annotations

from fastagency_shared.errors import InvalidSettings

from fastagency_backend.frameworks import MissingExtra
from fastagency_backend.target import import_target
from fastagency_backend.workflow.registry import Workflow

VARIABLE = "FASTAGENCY_WORKFLOWS"


def load_workflows(target: str) -> Workflow:
    """Import `module:attribute`, the value of FASTAGENCY_WORKFLOWS, looking in the current directory first.

    Raises:
        InvalidSettings: there is no such module, or no `Workflow` of that name in it.
    """
    try:
        workflows = import_target(VARIABLE, target)
    except InvalidSettings as error:
        if isinstance(error.__cause__, MissingExtra):  # its sentence ends with the command that helps
            raise InvalidSettings(f"{VARIABLE}={target}: {error.__cause__}") from None
        raise
    if not isinstance(workflows, Workflow):
        module_name, _, attribute = target.partition(":")
        raise InvalidSettings(f"{VARIABLE}={target}: {module_name} has no Workflow named {attribute!r}.")
    return workflows
