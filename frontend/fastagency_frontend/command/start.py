"""`fastagency start`: the backend and the page as two processes, until one ends or a person stops them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from fastagency_shared.command import Command, FreePort

from fastagency_frontend.command.address import address_to_open
from fastagency_frontend.command.frontend import add_server_argument
from fastagency_frontend.command.say import say
from fastagency_frontend.settings import load_settings

STOP_TIMEOUT_S = 15.0
"""The backend hands its runs over within 10 s, the page ends its requests within 5 s."""
TICK_S = 0.1
SAME_SIGNAL_S = 1.0
"""A program around us, such as `uv run`, may hand on a signal that has reached us already."""
DISCOVERY = "/fastagency/discovery"
"""A route that every backend of `fastagency backend` has."""


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: the page may send people to an identity provider."""

    def redirect_request(self, *_: Any) -> None:
        return None


DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHere())
"""Past the proxy of a company, which does not know this machine's own addresses."""


class Child:
    """One of the two processes; what it prints comes out line by line, behind its name."""

    def __init__(self, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        self.name = name
        # -P: a file of the current folder must not take the place of a module of Python's.
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-P", "-m", "fastagency", "--stop-at-end-of-input", name, *arguments],
            env={**os.environ, **environment, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE,  # never written to: it ends when we do, be it by kill -9
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            **_in_a_group_of_its_own(),
        )
        self._reader = threading.Thread(target=self._hand_on_output, name=f"output-{name}", daemon=True)
        self._reader.start()

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal if a signal ended it."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Let it hand over what it does, and end its own children, such as gunicorn's workers."""
        if sys.platform == "win32":
            self._process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and its children at once."""
        if sys.platform == "win32":
            self._process.kill()
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def finish_output(self) -> None:
        """Hand on what it has printed last."""
        self._reader.join(timeout=1)

    def _hand_on_output(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            say(f"{self.name:<8} | {line.rstrip()}")


def _in_a_group_of_its_own() -> dict[str, Any]:
    """So that Ctrl-C reaches only us, who stop both in order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _run(options: Namespace, free_port: FreePort) -> int:
    settings = load_settings()
    port = free_port("frontend", settings.frontend_host, settings.frontend_port)
    environment = {"FASTAGENCY_FRONTEND_PORT": str(port)}
    backend_url = settings.backend_url
    if settings.backend_port == 0:
        backend_port = free_port("backend", "127.0.0.1", 0)
        environment["FASTAGENCY_BACKEND_PORT"] = str(backend_port)
        backend_url = backend_url.replace("http://127.0.0.1:0", f"http://127.0.0.1:{backend_port}")
    page_url = address_to_open(settings.frontend_host, port, settings.frontend_prefix)
    with _stop_signal() as stopped:
        children = [
            Child("backend", [], environment),
            Child("frontend", ["--server", options.server], environment),
        ]
        try:
            threading.Thread(target=_announce, args=(page_url, backend_url + DISCOVERY, stopped), daemon=True).start()
            ended = _wait(children, stopped)
        finally:
            stopped.set()
            _stop(children)
    return 0 if ended is None else _exit_code(ended)


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """An event that Ctrl-C, Ctrl-Break, SIGTERM and the end of the terminal set; a second one kills what still runs."""
    stopped = threading.Event()
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        numbers.remove(signal.SIGHUP)  # nohup

    first: list[float] = []

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if first and time.monotonic() - first[0] > SAME_SIGNAL_S:
            raise KeyboardInterrupt
        first.append(time.monotonic())
        stopped.set()

    before = [(number, signal.signal(number, stop)) for number in numbers]
    try:
        yield stopped
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _wait(children: list[Child], stopped: threading.Event) -> Child | None:
    """The child that ended by itself, or None when a person stopped us."""
    while not stopped.wait(TICK_S):
        for child in children:
            if child.exit_code is not None:
                return child
    return None


def _stop(children: list[Child]) -> None:
    """Ask all to stop, and kill what does not, or what is left when a person is impatient."""
    try:
        for child in children:
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while any(child.exit_code is None for child in children) and time.monotonic() < deadline:
            time.sleep(TICK_S)
    finally:
        for child in children:
            child.kill()
            child.finish_output()


def _exit_code(ended: Child) -> int:
    code = ended.exit_code or 0
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    say(f"fastagency: the {ended.name} {how}, so everything was stopped.", to=sys.stderr)
    return 128 - code if code < 0 else code or 1


def _announce(page_url: str, backend_url: str, stopped: threading.Event) -> None:
    """Say where to go, once somebody who goes there finds a page that works."""
    for url in (backend_url, page_url):
        while not _answers(url):
            if stopped.wait(TICK_S):
                return
    say(f"FastAgency is at {page_url} (Ctrl-C stops it)")


def _answers(url: str) -> bool:
    try:
        DIRECT.open(url, timeout=30).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return True
    except (OSError, ValueError):
        return False
    return True


command = Command("start the backend and the page, and stop both at Ctrl-C", _run, add_server_argument)
