"""What a worker says that it has, and what a process without workflows knows of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from fastagency_backend.engine import catalogue as module
from fastagency_backend.engine.catalogue import Catalogue, Offering
from fastagency_backend.store.dispatch import Offer
from fastagency_backend.workflow import Workflow


class FakeStore:
    """Counts."""

    def __init__(self) -> None:
        self.offers: list[Offer] = []
        self.written = self.read = 0
        self.dispatcher = self

    async def offer_workflows(self, offers: Sequence[Offer]) -> None:
        self.written += 1
        self.offers = list(offers)

    async def catalogue(self) -> list[Offer]:
        self.read += 1
        return self.offers


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(module, "READ_EVERY_S", 0.0)


def register(wf: Workflow, name: str, *, durable: bool = True) -> None:
    wf.register(name, f"Does {name}", durable=durable)(lambda ui, params: None)


async def test_a_worker_says_what_it_has_when_that_is_new_and_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    store, wf = FakeStore(), Workflow()
    register(wf, "talk")
    offering = Offering(store, wf.specs, "7")  # type: ignore[arg-type]
    for _ in range(3):
        await offering.look()
    assert (store.written, store.offers) == (1, [Offer("talk", "Does talk", True, "7")])
    register(wf, "walk", durable=False)
    for _ in range(3):
        await offering.look()
    assert (store.written, store.offers[1:]) == (2, [Offer("walk", "Does walk", False, "7")])
    monkeypatch.setattr(module, "SAY_EVERY_S", 0.0)
    await offering.look()
    assert store.written == 3


async def test_the_catalogue_is_read_again_but_not_for_everybody_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    store, catalogue = FakeStore(), Catalogue()
    catalogue.connect(store)  # type: ignore[arg-type]
    assert (dict(catalogue), len(catalogue)) == ({}, 0)
    await asyncio.gather(*(catalogue.refresh() for _ in range(20)))
    assert store.read == 1
    monkeypatch.setattr(module, "READ_AT_MOST_EVERY_S", 0.1)
    store.offers = [Offer("talk", "Talks")]
    await asyncio.gather(*(catalogue.refresh() for _ in range(20)))
    assert store.read == 2
    assert dict(catalogue) == {"talk": Offer("talk", "Talks")}, "who asks is told what was there when they asked"
    await catalogue.look()
    assert store.read == 3
    assert ("talk" in catalogue, "walk" in catalogue) == (True, False)
