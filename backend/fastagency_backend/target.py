"""What a setting names as `module:attribute`, found and imported."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from fastagency_shared.errors import InvalidSettings


def import_target(variable: str, target: str) -> object:
    """Import the module, looking in the current directory first; its attribute, or None if it has none of that name.

    Raises:
        InvalidSettings: there is no such module, or it cannot be imported; the cause is the error of that.
    """
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise InvalidSettings(f"{variable} must look like module:attribute, not {target!r}.")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise InvalidSettings(f"{variable}={target}: there is no module {error.name!r}.") from None
    except ImportError as error:
        raise InvalidSettings(f"{variable}={target} cannot be imported: {error}.") from error
    return getattr(module, attribute, None)
