from __future__ import annotations

from collections import Counter

from fastagency_backend.engine.slot import Slots


class Echoes(Counter[str]):
    pass


class Chances(Counter[str]):
    pass


def test_a_slot_is_made_when_it_is_first_asked_for_and_stays() -> None:
    slots, others = Slots(), Slots()
    slots[Echoes]["a"] += 1
    assert slots[Echoes] is slots[Echoes]
    assert (slots[Echoes]["a"], slots[Chances]["a"], others[Echoes]["a"]) == (1, 0, 0)
