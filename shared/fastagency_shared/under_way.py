"""Messages under way: what a run is writing at the moment, kept from its pieces until the whole messages come.

A pure fold, the same for a backend, which tells those who join late, and for a client, which may miss pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fastagency_shared.messages import TextChunk

MAX_KEPT_CHARS = 200_000
"""Of a longer text only the beginning is kept; the whole message has all of it."""


@dataclass
class _Text:
    first: TextChunk
    pieces: list[str] = field(default_factory=list)
    chars: int = 0

    def add(self, delta: str) -> None:
        if self.chars < MAX_KEPT_CHARS:
            self.pieces.append(delta)
        self.chars += len(delta)

    def cut(self, offset: int) -> None:
        if offset < self.chars:
            self.pieces = [self.text[:offset]]
            self.chars = offset

    @property
    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""


class UnderWay:
    """The streams of one run, oldest first."""

    def __init__(self) -> None:
        self._texts: dict[str, _Text] = {}

    def __bool__(self) -> bool:
        return bool(self._texts)

    def add(self, chunk: TextChunk, **envelope: str) -> TextChunk:
        """Take one piece; returns it with its place in its stream, and with fields of the envelope that are given.

        A piece that has a place replaces what comes after it.
        """
        text = self._texts.get(chunk.stream)
        offset = chunk.offset if chunk.offset is not None else text.chars if text is not None else 0
        placed = chunk.model_copy(update={"offset": offset, **envelope})
        if text is None:
            text = self._texts[chunk.stream] = _Text(placed)
        text.cut(offset)
        text.add(chunk.delta)
        return placed

    def end(self, sender: str | None) -> None:
        """A whole message of this sender has come: what it was writing is over."""
        self._texts = {stream: text for stream, text in self._texts.items() if text.first.sender != sender}

    def text_of(self, stream: str) -> str:
        """The text of a stream, as far as it has come."""
        return self._texts[stream].text

    def chars_of(self, stream: str) -> int:
        """How long the text of a stream has become; 0 when nothing is known of it."""
        text = self._texts.get(stream)
        return 0 if text is None else text.chars

    def so_far(self) -> list[TextChunk]:
        """Each stream from its beginning, as one piece."""
        return [each.first.model_copy(update={"delta": each.text, "offset": 0}) for each in self._texts.values()]
