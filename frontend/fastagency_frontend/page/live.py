"""What the browser reads of a conversation: pages of its history, and what happens now.

News come as lines of JSON in a response that is held for at most `HOLD_S` seconds, well below the patience of servers
and proxies; then the browser asks again, from where it is. When there is no thread to spare, the response ends at once
and tells the browser when to come back. Nothing is kept between requests.

The shapes of the lines are in `exchange.py`.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from fastagency_shared.errors import BackendError, RequestError, SignedOut, StaleCursor
from fastagency_shared.messages import LoggedMessage, Message, TextChunk, TransientMessage
from fastagency_shared.provider import Caller, Provider
from fastagency_shared.run import MAX_SEQ, MessagePage, RunInfo

from fastagency_frontend.page.exchange import Anew, BeatLine, BeatWithRunLine, HistoryPage, Line, NewsLine, RunLine
from fastagency_frontend.page.gate import Gate
from fastagency_frontend.page.markdown import to_html
from fastagency_frontend.page.row import Row
from fastagency_frontend.page.shelf import Shelf
from fastagency_frontend.page.trouble import for_people
from fastagency_frontend.page.view import RunFold

HOLD_S = 25.0
HOLD_WHILE_STREAMING_S = 100.0
BEAT_S = 0.5
SIGN_OF_LIFE_S = 5.0
MIN_RENDER_INTERVAL_S = 0.08
RENDER_SHARE = 0.05
PAGE_MESSAGES = 60
BATCH_MESSAGES = 200

logger = logging.getLogger(__name__)

_shelf = Shelf()

Lines = Iterator[bytes]


class Admission(Protocol):
    """That somebody who has signed in may watch."""

    def check(self) -> None:
        """Raises `SignedOut` once they may not; asked now and then."""
        ...

    def over(self) -> None:
        """The backend says that they may not."""
        ...


@dataclass(frozen=True)
class Watch:
    """One browser's request to watch a run from a cursor on."""

    provider: Provider
    caller: Caller
    run_id: str
    after: int
    hold: bool
    places: int
    epoch: int = 0
    admission: Admission | None = None
    """None: nobody signs in here."""


def history(provider: Provider, caller: Caller, run_id: str, before: int | None, epoch: int = 0) -> HistoryPage | Anew:
    """A page of rows before a cursor of this epoch, or the newest page."""
    cursor = {"before": MAX_SEQ} if before is None else {"before": before, "epoch": epoch}
    try:
        page = provider.messages(run_id, **cursor, limit=PAGE_MESSAGES, caller=caller)
    except StaleCursor:
        return {"anew": 1}
    sequence = [message.seq for message in page.messages if message.seq is not None]
    read: HistoryPage = {
        "rows": _rows(page.messages),
        "first": sequence[0] if sequence else before or 1,
        "last": sequence[-1] if sequence else 0,
        "more": page.more,
        "run": _run_line(RunFold(page.run)),
    }
    return {**read, "epoch": page.run.epoch} if page.run.epoch else read


def watch(request: Watch, gate: Gate, clock: Callable[[], float] = time.monotonic) -> Lines:
    """The news of a run, as lines. Troubles become a line, since the response is already under way."""
    try:
        yield from _watch(request, gate, clock)
    except StaleCursor:
        yield line({"anew": 1})
        yield line({"next": 0})
    except RequestError as error:
        yield line({"gone": error.detail})
        yield line({"next": None})
    except SignedOut as error:
        if request.admission is None:  # the page signs nobody in, and cannot help
            yield line({"trouble": for_people(error)})
            yield line({"next": 2000})
            return
        request.admission.over()
        yield line({"signed_out": 1})
        yield line({"next": None})
    except BackendError as error:
        yield line({"trouble": for_people(error)})
        yield line({"next": 2000})


def line(value: Line) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace") + b"\n"


def _watch(request: Watch, gate: Gate, clock: Callable[[], float]) -> Lines:
    page = request.provider.messages(
        request.run_id, after=request.after, limit=BATCH_MESSAGES, epoch=request.epoch, caller=request.caller
    )
    _check_epoch(page.run, request)
    follower = _Follower(RunFold(page.run), _last_seq(page, request.after))
    yield line(follower.news(page.messages))
    if page.more:
        yield line({"next": 0})
        return
    if page.run.status.ended:
        yield line({"next": None})
        return
    visitor = request.caller.user_id or ""
    # A run that waits for a person is watched too, so that a second tab sees the answer; but only while there is room.
    places = request.places if follower.fold.phase == "working" else request.places // 2
    if not (request.hold and gate.enter(visitor, places)):
        yield line({"next": _poll_delay_ms(page.run, follower.fold)})
        return
    try:
        yield from _hold(request, follower, clock)
    finally:
        gate.leave(visitor)


def _hold(request: Watch, follower: _Follower, clock: Callable[[], float]) -> Lines:
    started = spoke = checked = clock()
    messages = request.provider.follow(
        request.run_id, after=follower.last, beat_s=BEAT_S, epoch=request.epoch, caller=request.caller
    )
    try:
        for message in messages:
            lines = follower.take(message, clock())
            yield from lines
            now = clock()
            if lines:
                spoke = now
            elif now - spoke >= SIGN_OF_LIFE_S:
                spoke = now
                yield line(_sign_of_life(request, follower))
            if request.admission is not None and now - checked >= SIGN_OF_LIFE_S:
                checked = now
                request.admission.check()
            if now - started >= (HOLD_WHILE_STREAMING_S if follower.streams else HOLD_S):
                break
    finally:
        close = getattr(messages, "close", None)
        if close is not None:
            close()
    yield line({"next": None if follower.ended else 0})


def _sign_of_life(request: Watch, follower: _Follower) -> BeatLine | BeatWithRunLine:
    """Ask for the run: a provider that mends its connection to a backend that went away says nothing meanwhile."""
    run = request.provider.run(request.run_id, caller=request.caller)
    _check_epoch(run, request)
    if run.last_seq > follower.last:
        return {"beat": 1}
    follower.fold = RunFold(run)
    return {"beat": 1, "run": _run_line(follower.fold)}


def _check_epoch(run: RunInfo, request: Watch) -> None:
    if run.epoch != request.epoch:
        raise StaleCursor


@dataclass
class _Stream:
    """A message under way: its text so far, and when it was last rendered."""

    sender: str | None
    text: str = ""
    shown: str = ""
    next_render: float = 0.0


@dataclass
class _Follower:
    """Turns messages into lines; knows how far the browser is."""

    fold: RunFold
    last: int
    ended: bool = False
    streams: dict[str, _Stream] = field(default_factory=dict)

    def news(self, messages: list[LoggedMessage | TransientMessage]) -> NewsLine:
        return {"rows": _rows(messages), "last": self.last, "run": _run_line(self.fold)}

    def take(self, message: LoggedMessage | TransientMessage | None, now: float) -> list[bytes]:
        """The lines that one message makes; None is a beat, at which text that was held back is shown."""
        if message is None:
            return self._show_streams(now)
        if isinstance(message, TextChunk):
            stream = self.streams.setdefault(message.stream, _Stream(message.sender))
            kept = stream.text if message.offset is None else stream.text[: message.offset]
            stream.text = kept + message.delta
            return self._show_streams(now)
        self.fold.fold(message)
        if message.seq is None:
            return [line({"run": _run_line(self.fold)})]
        self.last = message.seq
        self.ended = message.ends_run
        self.streams = {id_: s for id_, s in self.streams.items() if s.sender != message.sender and not self.ended}
        return [line(self.news([message]))]

    def _show_streams(self, now: float) -> list[bytes]:
        lines = []
        for id_, stream in self.streams.items():
            if stream.text == stream.shown or now < stream.next_render:
                continue
            began = time.perf_counter()
            lines.append(line({"stream": {"id": id_, "sender": stream.sender, "html": to_html(stream.text)}}))
            cost = time.perf_counter() - began
            # The whole text is rendered each time, so a long one is shown less often: it may take 5 % of a core.
            stream.next_render = now + max(MIN_RENDER_INTERVAL_S, cost / RENDER_SHARE)
            stream.shown = stream.text
        return lines


def _poll_delay_ms(run: RunInfo, fold: RunFold) -> int:
    """When to look again: soon after something has happened, later when all is quiet."""
    quiet_s = time.time() - run.updated_at.timestamp()
    if fold.phase == "working":
        return 400 if quiet_s < 5 else 800 if quiet_s < 30 else 1500
    return 1000 if quiet_s < 10 else 3000


def _rows(messages: Iterable[LoggedMessage | TransientMessage]) -> list[Row]:
    return [row for row in map(_shelf.row, messages) if row is not None]


def _run_line(fold: RunFold) -> RunLine:
    return {"phase": fold.phase, "revision": fold.revision}


def _last_seq(page: MessagePage, after: int) -> int:
    return max((m.seq for m in page.messages if isinstance(m, Message) and m.seq is not None), default=after)
