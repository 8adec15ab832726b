"""Does the installed AutoGen have the places that the table of `seam` names, as the tests knew them?"""

from __future__ import annotations

import importlib.util
import inspect
import logging
import re
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from fastagency_shared.errors import FastAgencyError
from fastagency_shared.extras import install_command

from fastagency_backend.frameworks.seam import FRAMEWORKS, Framework, Known, Seam, owner

logger = logging.getLogger(__name__)


class NotKnown(FastAgencyError):
    """The recording does not know this AutoGen; the text says what, and what that means."""


def warn(framework: Framework) -> None:
    """Say in the log what is not known, in one sentence; to be called once, before anything is replaced."""
    sentence = unknown(framework)
    if sentence is not None:
        logger.warning("%s", sentence)


def examine_seams() -> str:
    """One sentence on the frameworks that are installed.

    Raises:
        NotKnown: the recording does not know one of them.
    """
    installed = [each for each in FRAMEWORKS if importlib.util.find_spec(each.module) is not None]
    sentences = [sentence for each in installed if (sentence := unknown(each)) is not None]
    if sentences:
        raise NotKnown(" ".join(sentences))
    found = [f"{name} {version(name)}" for each in installed for name in _distributions(each)]
    return f"The recording knows {', '.join(found)}." if found else "AutoGen is not installed."


def unknown(framework: Framework) -> str | None:
    """One sentence on what the recording does not know of it; None if it knows it all."""
    faults = [*_versions(framework), *(fault for seam in framework.seams if (fault := _fault(seam)) is not None)]
    if not faults:
        return None
    return (
        f"{framework.name} is not as the recording knows it: {'; '.join(faults)}. "
        f"Install a version that it knows: {install_command(framework.extra)}"
    )


def _versions(framework: Framework) -> Iterator[str]:
    for name in _distributions(framework):
        tested = framework.tested[name]
        if not _fits(version(name), tested):
            yield f"{name} is {version(name)}, and was tested as {tested.version} (below {tested.below})"


def _distributions(framework: Framework) -> Iterator[str]:
    for name in framework.tested:
        try:
            version(name)
        except PackageNotFoundError:
            continue
        yield name


def _fits(found: str, tested: Known) -> bool:
    return _numbers(tested.version) <= _numbers(found) < _numbers(tested.below)


def _numbers(text: str) -> tuple[int, ...]:
    """The numbers a version begins with: 0.8 of 0.8.0rc1 too, which may have everything that 0.8 has."""
    release = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, release[0].split("."))) if release else ()


def _fault(seam: Seam) -> str | None:
    found = owner(seam)
    method = getattr(found, seam.name, None)
    if found is None or (method is None and seam.signature):
        return f"{seam.place} is not there ({seam.loses})"
    if seam.signature and (has := _signature(method)) != seam.signature:
        return f"{seam.place} takes {has}, not {seam.signature} (it may be that {seam.loses})"
    return None


def _signature(method: Callable[..., object] | None) -> str:
    """Names and kinds of the parameters; through our own replacement, if it stands there already."""
    if not callable(method):
        return "nothing"
    signature = inspect.signature(method)
    empty = inspect.Parameter.empty
    names = [each.replace(annotation=empty, default=empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=names, return_annotation=inspect.Signature.empty))
