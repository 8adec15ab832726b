"""Files and folders that only the owner of the process may read: conversations are in them, and what people wrote.

What exists already keeps its rights: somebody may have given them on purpose, to a group that makes backups, say. On
Windows the rights are those of the folder, and the modes here mean nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def create_folder(path: Path) -> None:
    """Make a folder and those above it that are missing. `Path.mkdir` would give its mode to the last one only.

    Raises:
        OSError: it cannot be made.
    """
    if path.is_dir():
        return
    if not path.parent.exists():
        create_folder(path.parent)
    path.mkdir(FOLDER_MODE, exist_ok=True)


def create_file(path: Path) -> None:
    """Make an empty file, unless there is one. SQLite takes an empty file for a new database, and gives the files that
    it puts beside it the rights of this one.

    Raises:
        OSError: it cannot be made.
    """
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, FILE_MODE))
