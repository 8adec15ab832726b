"""Whether a run is certainly still this worker's: nothing that is paid for begins when it may not be.

Whose a run is, the store tells with all that it writes; but what it tells may arrive late, and another worker may have
the run by then. None can while our lease is unbroken. So a run is ours for certain as long as the lease has not been
broken since before we last asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastagency_backend.store.base import StoreError

Term = int | None
"""See `dispatch.Dispatcher.term`."""


class LeaseInDoubt(StoreError):
    """The lease has run out since we last knew that the run is ours."""


@dataclass(slots=True)
class Tenure:
    """Of one run, which was ours when the lease was in the term `since`; `now` tells in which it is. Thread-safe."""

    since: Term
    now: Callable[[], Term]

    @property
    def is_certain(self) -> bool:
        return self.since is not None and self.now() == self.since


def _for_ever() -> Term:
    return 0


UNDISPUTED = Tenure(0, _for_ever)
"""Of a run that nobody else could go on with."""
