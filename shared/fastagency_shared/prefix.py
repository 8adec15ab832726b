"""The path under which a proxy shows a process, as a setting of either of them."""

import re
from typing import Annotated

from pydantic import AfterValidator

_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


def read_prefix(text: str) -> str:
    """The path without a slash at its end; empty for the root.

    Raises:
        ValueError: it is not a path.
    """
    path = text.strip().rstrip("/")
    if not _PATH.fullmatch(path):
        raise ValueError(f"{text!r} is not a path such as /chat")
    return path


Prefix = Annotated[str, AfterValidator(read_prefix)]
