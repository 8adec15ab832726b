"""Notices that the event loop stands still, says whose code holds it, and where; gives the runs away if it lasts.

The loop has to beat. When it misses its beats for long, three things happen without it: `faulthandler` writes all
stacks into the black box, from a thread of C; a thread of Python, if it gets the interpreter's lock, writes run and
line into the log; and the worker's lease is no longer renewed, so that other workers take its runs. Should the loop go
on, so does the worker: what it lost it drops, and what it writes about that is refused.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from fastagency_backend.engine.blackbox import ID_BYTES, NOBODY, BlackBox, Standstill, line_of, others
from fastagency_backend.engine.pause import pause
from fastagency_backend.engine.watch import Watch

logger = logging.getLogger(__name__)

BEATS = 4
"""Beats in the time after which the loop counts as frozen."""
OTHERS_EVERY_S = 2.0


class Watchdog(Watch):
    """The watch over the engine's loop.

    Args:
        limit_s: after so many seconds without a beat the loop counts as frozen.
        exit_s: after so many the process is ended, for whoever started it to start it again.
    """

    def __init__(self, folder: Path, worker: str, limit_s: float, exit_s: float | None) -> None:
        super().__init__()
        self.limit_s = limit_s
        self._folder, self._worker = folder, worker
        self._exit_s = exit_s
        # The first process of a container gets no signals that it has no handler for.
        self._has_alarm = sys.platform != "win32" and os.getpid() != 1
        self._box: BlackBox | None = None
        self._loop_thread = 0
        self._lock = threading.Lock()
        self._told = False
        self._heard: set[tuple[Path, bool]] = set()
        self._beaten = time.monotonic()
        self._stopping = threading.Event()

    async def start(self) -> None:
        """On the loop that is to be watched. Without a file that can be written there is a log line less, no more."""
        self._loop_thread = threading.get_ident()
        try:
            self._box = await asyncio.to_thread(BlackBox, self._folder, self._worker, self._loop_thread)
        except OSError as error:
            logger.warning("A loop that stands still will not be recorded in %s: %s", self._folder, error)
        else:
            self.memory = self._box.memory
        self._beaten = time.monotonic()
        threading.Thread(target=self._look, name="fastagency-watchdog", daemon=True).start()

    async def stop(self) -> None:
        self._stopping.set()
        self._end_later(0.0)
        box, self._box = self._box, None
        if box is not None:
            faulthandler.cancel_dump_traceback_later()
            self.memory = bytearray(box.memory)
            await asyncio.to_thread(box.close)

    # --- the loop -------------------------------------------------------------------------------------------------

    async def beat(self) -> None:
        """A chore: the loop is alive."""
        stood_s = time.monotonic() - self._beaten
        if stood_s > self.limit_s:
            self._tell(self._written(), stood_s)
            logger.warning("The event loop goes on after %.1f s", stood_s)
        with self._lock:
            self._beaten, self._told = time.monotonic(), False
        if self._box is not None:
            if self._box.written:
                self._box.clear()
            if self._exit_s is None or self._has_alarm:
                faulthandler.dump_traceback_later(self.limit_s, file=self._box.file)
            else:
                faulthandler.dump_traceback_later(self._exit_s, exit=True, file=self._box.file)
        self._end_later(self._exit_s or 0.0)
        await pause(self.limit_s / BEATS)

    def held(self, run_id: str, seconds: float) -> None:
        written = self._written()
        self._tell(written or Standstill(run_id, "an unknown line", ""), seconds)

    async def look_at_others(self) -> None:
        """A chore: say what the black boxes of other processes have about a standstill."""
        own = self._box.path if self._box is not None else Path()
        for path, gone, standstill in await asyncio.to_thread(others, self._folder, own):
            if (path, gone) not in self._heard:
                self._heard.add((path, gone))
                what = "is gone, and before that its loop stood still" if gone else "stands still"
                logger.error(
                    "The worker %s %s, in %s", path.stem, what, _described(standstill), extra=_extra(standstill)
                )
        await pause(OTHERS_EVERY_S)

    # --- other threads --------------------------------------------------------------------------------------------

    def well(self) -> bool:
        """Whether the loop beats."""
        return time.monotonic() - self._beaten < self.limit_s

    def _look(self) -> None:
        while not self._stopping.wait(self.limit_s / BEATS):
            if not self.well():
                self._tell(self._seen(), time.monotonic() - self._beaten)

    def _tell(self, standstill: Standstill | None, seconds: float) -> None:
        with self._lock:
            if self._told:
                return
            self._told = True
        found = standstill or Standstill(None, "an unknown line", "")
        logger.critical(
            "The event loop has stood still for %.1f s, and every conversation of this process with it, in %s",
            seconds,
            _described(found),
            extra=_extra(found),
        )

    def _seen(self) -> Standstill:
        """Where the loop is now, looked at from another thread."""
        tag = bytes(self.memory[:ID_BYTES])
        frame = sys._current_frames().get(self._loop_thread)
        summaries = reversed(traceback.extract_stack(frame)) if frame is not None else ()
        stack = "".join(f'  File "{each.filename}", line {each.lineno} in {each.name}\n' for each in summaries)
        return Standstill(None if tag == NOBODY else tag.decode(), line_of(stack), stack)

    def _written(self) -> Standstill | None:
        return None if self._box is None else self._box.read()

    def _end_later(self, seconds: float) -> None:
        """Let the system end the process, unless this is called again in time: no code of ours is needed for that."""
        if self._exit_s is not None and self._has_alarm:
            signal.setitimer(signal.ITIMER_REAL, seconds)


def _described(standstill: Standstill) -> str:
    whose = f"the run {standstill.run_id}" if standstill.run_id else "no run's code that is known"
    names = {f"{thread.ident:016x}": thread.name for thread in threading.enumerate() if thread.ident is not None}
    stack = standstill.stack
    for ident, name in names.items():
        stack = stack.replace(f"0x{ident}", f"{name} 0x{ident}")
    return f"{whose}, at {standstill.line}\n{stack}".rstrip()


def _extra(standstill: Standstill) -> dict[str, str]:
    return {"run_id": standstill.run_id} if standstill.run_id else {}
