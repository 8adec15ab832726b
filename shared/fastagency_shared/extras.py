"""What is said when a part of FastAgency is used whose optional packages are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

OWN_PACKAGES = ("fastagency", "fastagency_shared", "fastagency_backend", "fastagency_frontend")


@contextmanager
def extra(name: str, *, needed_by: str) -> Iterator[None]:
    """Around an import: turn a missing package into one sentence that says what to install.

    Raises:
        ImportError: a package that does not belong to FastAgency itself is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OWN_PACKAGES:
            raise
        raise ImportError(f'{needed_by} needs the "{name}" extra: pip install "fastagency[{name}]"') from error
