"""Signals between engines in one process of tests: delivered on the loop's next turn, in order; some may be lost.

And an ear for signals of every kind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping

from fastagency_backend.store.dispatch import Owned
from fastagency_backend.store.signals import Hears


class Bus:
    """Joins the signals made of it."""

    def __init__(self) -> None:
        self.ends: list[BusSignals] = []
        self.shown: list[tuple[str, str]] = []
        self.loses: Callable[[str, str], bool] = lambda _run_id, _text: False

    def signals(self, max_bytes: int = 7000) -> BusSignals:
        return BusSignals(self, max_bytes)

    def deliver(self, sender: BusSignals, what: Callable[[Hears], None]) -> None:
        for end in self.ends:
            if end is not sender and end.hears is not None and end.loop is not None:
                end.loop.call_soon_threadsafe(what, end.hears)


class BusSignals:
    """One process's end."""

    connected = True
    space = ""

    def __init__(self, bus: Bus, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.hears: Hears | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.watched: set[str] = set()
        self._bus = bus

    async def open(self, hears: Hears) -> None:
        self.hears, self.loop = hears, asyncio.get_running_loop()
        self._bus.ends.append(self)

    async def close(self) -> None:
        self._bus.ends.remove(self)

    def tell(self, run_ids: Iterable[str], *, ready: bool = False) -> None:
        ids = set(run_ids)
        self._bus.deliver(self, lambda hears: hears.changed(ids, ready=ready))

    def show(self, run_id: str, text: str) -> None:
        assert len(text.encode()) <= self.max_bytes
        self._bus.shown.append((run_id, text))
        if self._bus.loses(run_id, text):
            return
        for end in self._bus.ends:
            if end is not self and run_id in end.watched and end.hears is not None:
                asyncio.get_running_loop().call_soon(end.hears.shown, run_id, text)

    def want(self, run_id: str) -> None:
        self._bus.deliver(self, lambda hears: hears.wanted(run_id))

    def watch(self, run_id: str) -> None:
        self.watched.add(run_id)

    def unwatch(self, run_id: str) -> None:
        self.watched.discard(run_id)


class Ear:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.ids: list[str] = []
        self.anything = self.ready = 0
        self.texts: list[tuple[str, str]] = []
        self.wanting: list[str] = []

    def begun_anew(self) -> None: ...

    def changed(self, run_ids: Collection[str] | None, *, ready: bool) -> None:
        self.anything += run_ids is None
        self.ids += run_ids or ()
        self.ready += ready
        self.news.set()

    def shown(self, run_id: str, text: str) -> None:
        self.texts.append((run_id, text))

    def wanted(self, run_id: str) -> None:
        self.wanting.append(run_id)


def fences(owned: Mapping[str, Owned]) -> dict[str, int]:
    """The fence of each run that a worker owns."""
    return {run_id: each.fence for run_id, each in owned.items()}
