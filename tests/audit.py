"""Audit hooks that run Python code for the events they are about, and for no other.

CPython 3.11 lets one trace function be installed at a time, in all threads together, and asks the audit hooks in
between. A hook that is a Python function lets other threads run there; one that begins then, and is measured by
coverage, dies of it: "Cannot install a trace function while another trace function is being installed".
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable


class _Event(str):
    """The name of an event, as a key that calls back when it is looked up."""

    __slots__ = ("refuse",)
    refuse: Callable[[str], None]

    def __eq__(self, other: object) -> bool:
        if same := str.__eq__(self, other):
            self.refuse(str(self))
        return same

    __hash__ = str.__hash__


def on_audit(events: Iterable[str], refuse: Callable[[str], None]) -> None:
    """Call back with the event's name from now on, for good: a hook cannot be taken back. What is raised stops it."""
    keys: dict[str, None] = {}
    for name in events:
        (key := _Event(name)).refuse = refuse
        keys[key] = None
    sys.addaudithook(keys.get)  # looks up by hash, in C
