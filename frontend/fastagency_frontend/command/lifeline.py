"""Ends this process with the one that started it, however that ended: then our standard input ends too."""

import os
import signal
import threading

STANDARD_INPUT = 0


def stop_at_end_of_input() -> None:
    """Watch from now on. The input is for nothing else; a forked worker does not watch, as its parent does."""
    threading.Thread(target=_watch, name="lifeline", daemon=True).start()


def _watch() -> None:
    while os.read(STANDARD_INPUT, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
