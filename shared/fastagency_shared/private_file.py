"""Files with secrets in them: only their owner reads them, and nobody reads half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def make_once(file: Path, content: bytes) -> None:
    """Make a file; where another process was quicker, its file is the one.

    Raises:
        OSError: it cannot be made. Its folder must be there.
    """
    with written_beside(file, content) as new, suppress(FileExistsError):
        os.link(new, file)


@contextmanager
def written_beside(file: Path, content: bytes) -> Iterator[Path]:
    """The content in a file beside another one, whole and on the disk, to be moved or linked to its place.

    Raises:
        OSError: it cannot be written.
    """
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # 0600
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        yield beside
    finally:
        beside.unlink(missing_ok=True)
