"""Finding the workflows that the settings name."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from fastagency_shared.errors import InvalidSettings

from fastagency_backend.frameworks import MissingExtra
from fastagency_backend.workflow.registry import Workflow


def load_workflows(target: str) -> Workflow:
    """Import `module:attribute`, the value of FASTAGENCY_WORKFLOWS, looking in the current directory first.

    Raises:
        InvalidSettings: there is no such module, or no `Workflow` of that name in it.
    """
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise InvalidSettings(f"FASTAGENCY_WORKFLOWS must look like module:attribute, not {target!r}.")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except MissingExtra as error:
        raise InvalidSettings(f"FASTAGENCY_WORKFLOWS={target}: {error}") from None
    except ModuleNotFoundError as error:
        raise InvalidSettings(f"FASTAGENCY_WORKFLOWS={target}: there is no module {error.name!r}.") from None
    except ImportError as error:
        raise InvalidSettings(f"FASTAGENCY_WORKFLOWS={target} cannot be imported: {error}.") from error
    workflows = getattr(module, attribute, None)
    if not isinstance(workflows, Workflow):
        raise InvalidSettings(f"FASTAGENCY_WORKFLOWS={target}: {module_name} has no Workflow named {attribute!r}.")
    return workflows
