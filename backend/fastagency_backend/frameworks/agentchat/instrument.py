"""Puts the recording around AgentChat's classes, once per process, and again around classes that were missed."""

from __future__ import annotations

import logging
from functools import cache
from types import TracebackType

from fastagency_backend.frameworks import seam_check
from fastagency_backend.frameworks.hook import Family, Wrapper
from fastagency_backend.frameworks.seam import AGENTCHAT, inside, owner

_TALKATIVE = ("autogen_core", "autogen_agentchat")
"""Loggers that write every message of a conversation at INFO; an application that wants that sets their level."""


def install() -> None:
    """Instrument AgentChat; cheap when it was done before."""
    for family in _families():
        family.install()
    logging.getLogger("asyncio").addFilter(_left_behind)
    for name in _TALKATIVE:
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.WARNING)


@cache
def _families() -> list[Family]:
    """From the table of places; those that this version does not have are told of, once, and left out."""
    seam_check.warn(AGENTCHAT)
    wrappers: dict[type, dict[str, Wrapper]] = {}
    for seam in AGENTCHAT.seams:
        if (root := owner(seam)) is not None:
            wrappers.setdefault(root, {})[seam.name] = inside(seam)
    return [Family(root, methods) for root, methods in wrappers.items()]


def _left_behind(record: logging.LogRecord) -> bool:
    """Drop one known complaint: AgentChat's runtime counts a message twice when its task is cancelled with a run."""
    error = record.exc_info[1] if record.exc_info else None
    return not (
        isinstance(error, ValueError)
        and str(error) == "task_done() called too many times"
        and _raised_in(error.__traceback__).startswith("autogen_core.")
    )


def _raised_in(traceback: TracebackType | None) -> str:
    name = ""
    while traceback is not None:
        name = str(traceback.tb_frame.f_globals.get("__name__", ""))
        traceback = traceback.tb_next
    return name
