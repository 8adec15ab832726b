"""Signals between the processes of one service: hints that runs have changed, and what is never logged.

A signal says nothing that could not be found out by looking at the store, or that matters when it is missed: it may be
lost, doubled or late. Whoever relies on hints looks at the store every few seconds anyway. Signals of one process keep
their order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol


class Hears(Protocol):
    """Whoever hears what happens outside this process. Called on the loop on which the signals were opened."""

    def changed(self, run_ids: Collection[str] | None, *, ready: bool) -> None:
        """These runs may have changed (None: any may have); `ready`: one that nobody has may be ready."""
        ...

    def shown(self, run_id: str, text: str) -> None:
        """Something for those who watch a run, which is not in its log."""
        ...

    def wanted(self, run_id: str) -> None:
        """Somebody elsewhere watches the run, and wants what is shown of it."""
        ...

    def begun_anew(self) -> None:
        """The store is in another epoch (`Store.epoch`): what was known of its runs may not be true any more."""
        ...


class Signals(Protocol):
    """See the module's docstring. A process does not hear itself."""

    @property
    def max_bytes(self) -> int:
        """Of the text that one `show` carries, in UTF-8. 0: nothing is carried, and `show` and `want` do nothing."""
        ...

    @property
    def connected(self) -> bool:
        """Whether signals come and go at the moment."""
        ...

    async def open(self, hears: Hears) -> None:
        """Hear from now on. A connection that cannot be made, or is lost, is tried again and again."""
        ...

    async def close(self) -> None: ...

    def tell(self, run_ids: Iterable[str], *, ready: bool = False) -> None:
        """What was committed changes these runs; `ready`: so that one that nobody has may be ready.

        Thread-safe; hints that come close together go as one.
        """
        ...

    def show(self, run_id: str, text: str) -> None:
        """For those who watch the run elsewhere. On the loop."""
        ...

    def want(self, run_id: str) -> None:
        """Somebody here watches the run. On the loop."""
        ...

    def watch(self, run_id: str) -> None:
        """Hear what is shown of the run, from now on. On the loop."""
        ...

    def unwatch(self, run_id: str) -> None:
        """The opposite of `watch`."""
        ...


class SharedSignals(Signals, Protocol):
    """Signals over a server that several services may use."""

    space: str
    """What keeps these apart; said before the signals are opened. The processes of one service have the same."""


class Deaf:
    """`Hears` for whoever uses a store alone."""

    def changed(self, run_ids: Collection[str] | None, *, ready: bool) -> None: ...

    def shown(self, run_id: str, text: str) -> None: ...

    def wanted(self, run_id: str) -> None: ...

    def begun_anew(self) -> None: ...
