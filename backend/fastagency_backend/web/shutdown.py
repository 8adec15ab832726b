"""Learns of a shutdown when it begins, not when it ends.

A server first waits for open connections and only then ends the lifespan; a stream that waits for the next message
would keep it from ever getting there. So the signal itself tells the streams to end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


def stop_server() -> bool:
    """Ask the server of this process to stop, as a SIGTERM does; False where no server handles that signal.

    A server that does has its loop in the main thread. Elsewhere the process is that of somebody who tests or embeds
    the application, and the signal would end it. Call it on the loop.
    """
    if threading.current_thread() is not threading.main_thread() or not callable(signal.getsignal(signal.SIGTERM)):
        return False
    os.kill(os.getpid(), signal.SIGTERM)
    return True


@contextmanager
def announced_to(stopping: Callable[[], None]) -> Iterator[None]:
    """Call back on the loop at SIGTERM or SIGINT, before whoever handled the signal so far handles it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def announce(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number, handler in before.items():
        if callable(handler):  # a default action would end the process at once: leave it alone
            signal.signal(number, announce)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is announce:
                signal.signal(number, handler)
