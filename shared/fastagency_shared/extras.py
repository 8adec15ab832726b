"""What is said when a part of FastAgency is used whose optional packages are not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

OWN_PACKAGES = ("fastagency", "fastagency_shared", "fastagency_backend", "fastagency_frontend")


def install_command(*names: str) -> str:
    """What installs the packages of these extras, beside the FastAgency that is installed.

    The bound keeps the command from fetching another product, which holds the name on the package index up to 0.x.
    """
    return f'pip install "fastagency[{",".join(names)}]>=1"'


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
        raise ImportError(f'{needed_by} needs the "{name}" extra: {install_command(name)}') from error
