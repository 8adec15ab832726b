"""Signals between the processes of one machine that share a database file.

That something has changed the file tells itself; chunks and wishes go as datagrams, over sockets in a folder that only
this user can enter. Whoever comes greets the others: they know then that they are not alone with the file. Where there
are no such sockets (Windows), nothing is carried.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from fastagency_backend.store.handover import call_on
from fastagency_backend.store.signals import Hears

logger = logging.getLogger(__name__)

MAX_BYTES = 60_000
"""Of a text. A datagram may have about 200,000 bytes on Linux, and far fewer elsewhere if nobody raised the limit."""
BUFFER_BYTES = 1 << 20
LOOK_S = 1.0
"""How often it is looked for new neighbours."""
LONGEST_ADDRESS = 100
"""A socket's address holds a few bytes more, everywhere."""
READS_AT_A_TIME = 100
TRIES = 3
SHOWN, WANTED, GREETING = b"s", b"w", b"g"
ID_BYTES = 32


class NeighbourSignals:
    """See `signals.Signals`. `database` is the file that the processes share."""

    def __init__(self, database: Path) -> None:
        self.met: Callable[[], None] = _nobody_is_told
        """Called on the loop: there is another process, or has been a moment ago."""
        self._database = database
        self._hears: Hears | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket: socket.socket | None = None
        self._address: Path | None = None
        self._neighbours: list[Path] = []
        self._looked_at = 0.0
        self._watched: set[str] = set()

    @property
    def max_bytes(self) -> int:
        return MAX_BYTES if self._socket is not None else 0

    @property
    def hears_of_others(self) -> bool:
        """Whether a process that opens the file later will be heard of."""
        return self._socket is not None

    @property
    def connected(self) -> bool:
        return True

    async def open(self, hears: Hears) -> None:
        self._hears, self._loop = hears, asyncio.get_running_loop()
        try:
            self._listen(self._loop)
        except (OSError, AttributeError, NotImplementedError) as error:
            logger.info("Text under way is shown to those only who watch in the process that drives the run: %s", error)
        if self._send(GREETING):
            self.met()
        self._looked_at = 0.0  # others may come at the same moment

    async def close(self) -> None:
        if self._socket is not None and self._loop is not None and self._address is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._address.unlink(missing_ok=True)
            with suppress(OSError):  # there are others, or one has just come
                self._address.parent.rmdir()
            self._socket = None
        self._loop = None

    def changed(self) -> None:
        """Another process has committed something. Thread-safe."""
        if self._loop is None or self._hears is None:
            return
        call_on(self._loop, lambda hears: hears.changed(None, ready=True), self._hears)

    def tell(self, run_ids: Iterable[str], *, ready: bool = False) -> None:
        """Nothing: a commit is seen in the file."""

    def show(self, run_id: str, text: str) -> None:
        self._send(SHOWN + run_id.encode() + text.encode())

    def want(self, run_id: str) -> None:
        self._send(WANTED + run_id.encode())

    def watch(self, run_id: str) -> None:
        self._watched.add(run_id)

    def unwatch(self, run_id: str) -> None:
        self._watched.discard(run_id)

    # --- inside ---------------------------------------------------------------------------------------------------

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            ours.setblocking(False)
            for size in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                ours.setsockopt(socket.SOL_SOCKET, size, BUFFER_BYTES)
            address = self._bind(ours)
            loop.add_reader(ours.fileno(), self._hear)
        except BaseException:
            ours.close()
            raise
        self._socket, self._address = ours, address

    def _bind(self, ours: socket.socket) -> Path:
        for left in reversed(range(TRIES)):
            address = meeting_place(self._database) / uuid4().hex[:12]
            try:
                ours.bind(str(address))
            except FileNotFoundError:  # the last of the others has just taken the folder away
                if not left:
                    raise
            else:
                return address
        raise AssertionError("unreachable: the last try returns or raises")

    def _send(self, datagram: bytes) -> bool:
        """Send it to all; whether there is anybody."""
        if self._socket is None:
            return False
        if time.monotonic() >= self._looked_at + LOOK_S:
            self._look()
        anybody = False
        for neighbour in self._neighbours:
            try:
                self._socket.sendto(datagram, str(neighbour))
            except ConnectionRefusedError:  # its process has died
                neighbour.unlink(missing_ok=True)
                self._looked_at = 0.0
            except OSError:  # it is too busy to listen, or has gone
                continue
            else:
                anybody = True
        return anybody

    def _look(self) -> None:
        assert self._address is not None
        try:
            self._neighbours = [each for each in self._address.parent.iterdir() if each != self._address]
        except OSError:
            self._neighbours = []
        self._looked_at = time.monotonic()

    def _hear(self) -> None:
        assert self._socket is not None
        assert self._hears is not None
        for _ in range(READS_AT_A_TIME):
            try:
                datagram = self._socket.recv(1 + ID_BYTES + MAX_BYTES)
            except OSError:
                return
            kind, run_id = datagram[:1], datagram[1 : 1 + ID_BYTES].decode(errors="replace")
            if kind == GREETING:
                self._looked_at = 0.0
                self.met()
            elif kind == WANTED:
                self._hears.wanted(run_id)
            elif kind == SHOWN and run_id in self._watched:
                self._hears.shown(run_id, datagram[1 + ID_BYTES :].decode(errors="replace"))


def _nobody_is_told() -> None:
    """Until the store is open."""


def meeting_place(database: Path) -> Path:
    """The folder of the sockets, made if need be: beside the database, or where addresses are short enough.

    Raises:
        OSError: it cannot be made, or belongs to somebody else.
    """
    beside = database.resolve().with_name(f".{database.name}.processes")  # `rm runs.sqlite3*` removes files only
    name = hashlib.blake2b(str(beside).encode(), digest_size=8).hexdigest()
    short = Path(tempfile.gettempdir()) / f"fastagency-{os.getuid()}-{name}"
    place = beside if len(str(beside)) + 13 <= LONGEST_ADDRESS else short
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{place} can be entered by others.")
    return place
