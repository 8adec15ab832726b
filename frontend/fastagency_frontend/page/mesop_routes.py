"""Which of Mesop's own routes the page has: those that it needs.

Mesop serves every script and style sheet below the working folder as the part of a component, fails at a file that it
does not have, and at a report of a violated policy that it does not expect.
"""

from __future__ import annotations

from pathlib import Path

from mesop.server.constants import PROD_PACKAGE_PATH
from mesop.utils.runfiles import get_runfile_location

MESOP_MODULES = "/__web-components-module__"
REPORTS = "/__csp__"


def _files() -> frozenset[str]:
    folder = Path(get_runfile_location(PROD_PACKAGE_PATH)).resolve()
    return frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


_FILES = _files()


def is_served(path: str) -> bool:
    """Whether Mesop has something to show at this path below the prefix. What has a dot at its end is a file."""
    if path.startswith(f"{MESOP_MODULES}/"):  # ours were looked for before
        return False
    return "." not in path.rpartition("/")[2] or path.removeprefix("/") in _FILES
