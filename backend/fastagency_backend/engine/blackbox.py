"""A small file beside the database that outlives its process: which run's code is on the loop, and, once the loop has
stood still, where each thread was.

The first page is shared memory: writing to it costs no more than writing to a variable, and it can be read when the
process is gone, or hangs. Behind it `faulthandler` writes the stacks from a thread of C, which needs no Python, and so
works while something holds the interpreter's lock.
"""

from __future__ import annotations

import mmap
import os
import re
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PAGE = 4096
ID_BYTES = 32
NOBODY = b"-" * ID_BYTES
SUFFIX = ".blackbox"
_THREAD = re.compile(r"^(?:Current t|T)hread 0x([0-9a-f]+)[^\n]*\n((?:  File [^\n]*\n?)*)", re.MULTILINE)
_FRAME = re.compile(r'File "(.*)", line (\d+) in (.*)')
_NOT_THEIRS = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), str(Path(__file__).parents[1]))


@dataclass(frozen=True)
class Standstill:
    """Where the threads of a process were. `run_id` is None if no run's code was on the loop."""

    run_id: str | None
    line: str
    stack: str


class BlackBox:
    """The file of this process; `memory` is its first page, of which the first bytes are the run's id."""

    def __init__(self, folder: Path, worker: str, loop_thread: int) -> None:
        self.path = folder / f"{worker}{SUFFIX}"
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        os.ftruncate(self.file, PAGE)
        if sys.platform != "win32":
            fcntl.flock(self.file, fcntl.LOCK_EX)
        self.memory = mmap.mmap(self.file, PAGE)
        self.memory[:ID_BYTES] = NOBODY
        self.memory[ID_BYTES : 2 * ID_BYTES] = f"{loop_thread:032x}".encode()
        self.clear()

    @property
    def written(self) -> bool:
        """Whether there are stacks in it."""
        return os.fstat(self.file).st_size > PAGE

    def clear(self) -> None:
        """Forget the stacks; those to come are written behind the first page."""
        os.ftruncate(self.file, PAGE)
        os.lseek(self.file, PAGE, os.SEEK_SET)

    def read(self) -> Standstill | None:
        """What was written about a standstill, if there was one."""
        os.lseek(self.file, 0, os.SEEK_SET)
        try:
            return _standstill(os.read(self.file, 1 << 20))
        finally:
            os.lseek(self.file, 0, os.SEEK_END)

    def close(self) -> None:
        self.memory.close()
        os.close(self.file)
        self.path.unlink(missing_ok=True)


def others(folder: Path, own: Path) -> list[tuple[Path, bool, Standstill]]:
    """The standstills of other processes, and whether each of these is gone. What the gone leave behind is removed."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path == own:
            continue
        try:
            written, gone = _take(path)
        except OSError:  # it has gone meanwhile; or, on Windows, its process is alive
            continue
        if (standstill := _standstill(written)) is not None:
            found.append((path, gone, standstill))
    return found


def _take(path: Path) -> tuple[bytes, bool]:
    written = path.read_bytes()
    if sys.platform == "win32":
        path.unlink()
        return written, True
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return written, False
    else:
        path.unlink()
        return written, True
    finally:
        os.close(file)


def _standstill(written: bytes) -> Standstill | None:
    stacks = written[PAGE:].decode(errors="replace")
    if not stacks:
        return None
    threads = {int(thread, 16): frames for thread, frames in _THREAD.findall(stacks)}
    run_id = written[:ID_BYTES]
    on_loop = threads.get(int(written[ID_BYTES : 2 * ID_BYTES], 16), "")
    if run_id == NOBODY or not on_loop:
        return Standstill(None if run_id == NOBODY else run_id.decode(), "an unknown line", stacks)
    return Standstill(run_id.decode(), line_of(on_loop), on_loop)


def line_of(stack: str) -> str:
    """The innermost line of the application's own code in a stack, newest call first; else the innermost of all."""
    frames = _FRAME.findall(stack)
    own = [frame for frame in frames if not frame[0].startswith(_NOT_THEIRS)]
    for file, line, function in own or frames:
        return f"{file}, line {line}, in {function}"
    return "an unknown line"
