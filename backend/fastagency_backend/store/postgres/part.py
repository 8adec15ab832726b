"""What the parts of the store share."""

from __future__ import annotations

from fastagency_backend.store.postgres.lane import Lanes
from fastagency_backend.store.postgres.liveness import Heart
from fastagency_backend.store.postgres.pool import Connections
from fastagency_backend.store.signals import Signals


class Part:
    """Reads and single transactions go through `connections`, what belongs to a run through its lane."""

    def __init__(self, connections: Connections, lanes: Lanes, signals: Signals, heart: Heart) -> None:
        self._connections, self._lanes, self._signals, self._heart = connections, lanes, signals, heart
