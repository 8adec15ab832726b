"""Carries what is never logged (chunks of a message under way, changes of status) to those who watch elsewhere.

A process in which somebody watches a run that it does not drive says so, again and again. The process that drives the
run sends what it shows as long as somebody wants it, and begins with the text so far. So nothing is sent for nobody.

Between processes travel messages of the wire, and two things more: that a sender's text is over, for its whole message
is about to come, and that all texts are, for the run has left its worker.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator

from fastagency_shared.errors import InvalidRequest
from fastagency_shared.messages import RunStatusChanged, TextChunk, TransientMessage, parse_message

from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.pause import pause
from fastagency_backend.store.signals import Signals

logger = logging.getLogger(__name__)

JOIN_S = 0.08
"""Chunks that come within this time go as one."""
WANT_S = 5.0
"""How often a process says that somebody there watches a run."""
WANTED_S = 3 * WANT_S
"""How long that holds."""
MAX_WANTED = 10_000
ENVELOPE_BYTES = 1000
"""More than a chunk's message needs besides its text."""

SAID, FORGOTTEN = "said", "forgotten"


class Relay:
    """See the module's docstring. `drives` says whether a run is driven in this process. Used on one event loop."""

    def __init__(self, signals: Signals, feeds: Feeds, drives: Callable[[str], bool]) -> None:
        self._signals, self._feeds, self._drives = signals, feeds, drives
        self._wanted: dict[str, float] = {}
        self._joined: dict[str, list[TextChunk]] = {}
        feeds.outlet = self

    # --- what happens in this process (`feed.Outlet`) -------------------------------------------------------------

    def watched(self, run_id: str) -> None:
        self._signals.watch(run_id)
        if not self._drives(run_id):
            self._signals.want(run_id)

    def unwatched(self, run_id: str) -> None:
        self._signals.unwatch(run_id)
        if not self._drives(run_id):
            self._feeds.forget(run_id, here=False)

    def is_wanted(self, run_id: str) -> bool:
        return self._wanted.get(run_id, 0.0) > time.monotonic() and self._signals.max_bytes > 0

    def shown(self, run_id: str, item: TransientMessage) -> None:
        if not self.is_wanted(run_id):
            return
        if not isinstance(item, TextChunk):
            self._send_joined(run_id)
            self._signals.show(run_id, item.model_dump_json())
        else:
            if run_id not in self._joined:
                self._joined[run_id] = []
                asyncio.get_running_loop().call_later(JOIN_S, self._send_joined, run_id)
            join(self._joined[run_id], item)

    def said(self, run_id: str, sender: str | None) -> None:
        if self.is_wanted(run_id):
            self._send_joined(run_id)
            self._signals.show(run_id, json.dumps({"type": SAID, "sender": sender}))

    def forgotten(self, run_id: str) -> None:
        self._joined.pop(run_id, None)
        if self.is_wanted(run_id):
            self._signals.show(run_id, json.dumps({"type": FORGOTTEN}))

    # --- what is heard from others --------------------------------------------------------------------------------

    def hear_wanted(self, run_id: str) -> None:
        """Somebody elsewhere watches the run. It need not be driven here, or not yet."""
        if len(self._wanted) >= MAX_WANTED:
            self._wanted = dict(self._still_wanted())
        self._wanted[run_id] = time.monotonic() + WANTED_S
        if self._drives(run_id):
            self._joined.pop(run_id, None)
            self._send(run_id, self._feeds.under_way(run_id))

    def hear_shown(self, run_id: str, text: str) -> None:
        """What the process that drives a run shows of it."""
        if self._drives(run_id):
            return
        try:
            heard = json.loads(text)
            match heard["type"]:
                case "said":
                    self._feeds.said(run_id, heard["sender"], here=False)
                case "forgotten":
                    self._feeds.forget(run_id, here=False)
                case _:
                    self._take(run_id, text)
        except (ValueError, TypeError, KeyError, InvalidRequest) as error:
            logger.warning("A signal of another process is not understood: %s", error)  # its version may be a newer one

    async def want_again(self) -> None:
        """Say what is watched here, as often as it has to be said."""
        for run_id in self._feeds.watched:
            if not self._drives(run_id):
                self._signals.want(run_id)
        await pause(WANT_S)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _take(self, run_id: str, text: str) -> None:
        message = parse_message(text)
        if isinstance(message, RunStatusChanged):
            self._feeds.push(run_id, message, here=False)
        elif isinstance(message, TextChunk):
            if self._feeds.has_gap(run_id, message):
                self._signals.want(run_id)  # a signal was lost, or has overtaken: have the text so far again
            else:
                self._feeds.push(run_id, message, here=False)

    def _send_joined(self, run_id: str) -> None:
        self._send(run_id, self._joined.pop(run_id, ()))

    def _send(self, run_id: str, chunks: Iterable[TextChunk]) -> None:
        for chunk in chunks:
            for piece in pieces(chunk, self._signals.max_bytes - ENVELOPE_BYTES):
                self._signals.show(run_id, piece.model_dump_json())

    def _still_wanted(self) -> Iterator[tuple[str, float]]:
        now = time.monotonic()
        return ((run_id, until) for run_id, until in self._wanted.items() if until > now)


def join(chunks: list[TextChunk], chunk: TextChunk) -> None:
    """Add a chunk, which has a place; to the last one of its stream, if it goes on where that ends."""
    for place, last in reversed(list(enumerate(chunks))):
        if last.stream == chunk.stream:
            if chunk.offset == (last.offset or 0) + len(last.delta):
                chunks[place] = last.model_copy(update={"delta": last.delta + chunk.delta})
                return
            break
    chunks.append(chunk)


def pieces(chunk: TextChunk, max_bytes: int) -> Iterator[TextChunk]:
    """A chunk with a place, cut so that the JSON of each text has at most about so many bytes."""
    assert chunk.offset is not None
    chars = max(1, max_bytes // 6)  # the most that JSON makes of a character; nearly always it is one
    if len(json.dumps(chunk.delta)) <= max_bytes:
        yield chunk
        return
    for first in range(0, len(chunk.delta), chars):
        yield chunk.model_copy(update={"delta": chunk.delta[first : first + chars], "offset": chunk.offset + first})
