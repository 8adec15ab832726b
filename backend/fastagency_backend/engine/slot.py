"""What a framework keeps of a run, without the engine knowing what it is."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Slots:
    """One object of each class, made when it is first asked for: `run.slots[Calls]` is a `Calls`. Thread-safe."""

    def __init__(self) -> None:
        self._kept: dict[type, object] = {}

    def __getitem__(self, kind: type[T]) -> T:
        kept = self._kept.get(kind) or self._kept.setdefault(kind, kind())
        assert isinstance(kept, kind)
        return kept
