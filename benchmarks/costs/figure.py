"""One row of the table: what is measured, what it should come to, and what came out. Nothing is measured here."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

WORSE = 0.20
"""A row is marked when it is worse than the last recorded one by more than this."""

Judged = Literal["ratio", "ours"]


@dataclass(frozen=True)
class Row:
    """`judged` is the value that has targets and is compared: the ratio to the bare application, or our own value.

    `least` and `aim` are targets for it; `higher` says that more of it is better.
    """

    name: str
    title: str
    unit: str
    judged: Judged = "ratio"
    least: float | None = None
    aim: float | None = None
    higher: bool = False


@dataclass(frozen=True)
class Figure:
    """What came out, round by round; `bare` is empty where a bare application does no such thing."""

    row: Row
    ours: Sequence[float]
    bare: Sequence[float] = ()
    note: str = field(default="", kw_only=True)

    @property
    def ratios(self) -> list[float]:
        """Of each round: its two measures were taken one after the other, so both met the same machine."""
        return [ours / bare for ours, bare in zip(self.ours, self.bare, strict=True)] if self.bare else []

    @property
    def value(self) -> float:
        """What the row is judged by."""
        return statistics.median(self.ratios if self.row.judged == "ratio" else self.ours)

    @property
    def reached(self) -> str:
        """How far the row has come: "aim", "least", "short", or nothing where there is no target."""
        if self.row.aim is None or self.row.least is None:
            return ""
        for name, target in (("aim", self.row.aim), ("least", self.row.least)):
            if (self.value >= target) if self.row.higher else (self.value <= target):
                return name
        return "short"


def worse_by(row: Row, now: float, then: float) -> float:
    """By which share a value is worse than an earlier one; below 0 if it is better."""
    if now <= 0 or then <= 0:
        return 0.0
    return (then / now if row.higher else now / then) - 1
