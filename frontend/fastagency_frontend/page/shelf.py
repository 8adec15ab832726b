"""Rows that were made already: a conversation is read at each reload, by each tab, and its messages do not change.

Kept by a digest of the whole message, so that only what is the same is taken for the same; and no more than `MAX_CHARS`
of them, those that were asked for last.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

from fastagency_shared.messages import LoggedMessage, TransientMessage

from fastagency_frontend.page.render import to_row
from fastagency_frontend.page.row import Row

MAX_CHARS = 8_000_000
ROW_CHARS = 500
"""What a row takes besides its texts."""
LONG_CHARS = 5_000
"""A longer message is rendered alone: many at a time would leave nothing of the processor to those who click."""

_Message = LoggedMessage | TransientMessage


class Shelf:
    """The rows of messages, each made once while there is room for it."""

    def __init__(self, make: Callable[[_Message], Row | None] = to_row, max_chars: int = MAX_CHARS) -> None:
        self._make, self._max_chars = make, max_chars
        self._rows: OrderedDict[bytes, tuple[Row, int]] = OrderedDict()
        self._chars = 0
        self._lock = threading.Lock()
        self._long = threading.Lock()

    def row(self, message: _Message) -> Row | None:
        """The row of a message, or None where there is nothing to show. It is not to be changed."""
        try:
            content = message.model_dump_json().encode()
        except ValueError:  # it is nested too deeply, or holds what UTF-8 cannot
            return self._make(message)
        key = hashlib.sha256(content).digest()
        found = self._find(key)
        if found is not None:
            return found
        if len(content) <= LONG_CHARS:
            return self._put(key, self._make(message))
        with self._long:
            return self._find(key) or self._put(key, self._make(message))

    def _find(self, key: bytes) -> Row | None:
        with self._lock:
            if key not in self._rows:
                return None
            self._rows.move_to_end(key)
            return self._rows[key][0]

    def _put(self, key: bytes, row: Row | None) -> Row | None:
        if row is None:
            return None
        chars = ROW_CHARS + sum(len(value) for value in row.values() if isinstance(value, str))
        with self._lock:
            if key not in self._rows:
                self._rows[key] = row, chars
                self._chars += chars
            while self._chars > self._max_chars:
                self._chars -= self._rows.popitem(last=False)[1][1]
        return row
