"""What `ui.multiple_choice` returns when several may be chosen."""

from __future__ import annotations

from collections.abc import Sequence


class Choices(str):
    """The chosen, joined by commas, as applications of the guide expect; `chosen` is the list of them."""

    __slots__ = ("chosen",)

    chosen: list[str]

    def __new__(cls, chosen: Sequence[str]) -> Choices:
        self = super().__new__(cls, ",".join(chosen))
        self.chosen = list(chosen)
        return self
