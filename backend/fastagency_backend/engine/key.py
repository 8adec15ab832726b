"""Keys: what a message, a step or a question of a run *is*, so that a replay recognises it.

A key is made of what is done and its place among those who do just that: the first, the second, and so on. It does not
say at which position in the run: frameworks interleave their tasks, so positions mean nothing.

A step that fails gives its place back, for a replay knows nothing of it: what succeeds at the second attempt must be
what a replay finds at the first. With it, what was done inside of that attempt has its place again.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import threading
from collections import Counter, defaultdict
from typing import Any

INSIDE = " > "
"""Between the key of a step and the key of what was done inside of it."""


_canonical = json.JSONEncoder(sort_keys=True, default=str, ensure_ascii=False).encode


def digest(value: object, *, without: str = "") -> str:
    """A short fingerprint of a JSON-able value; what is not JSON goes in by its text. `without` is left out of it."""
    text = value if isinstance(value, str) else _canonical(value)
    return hashlib.blake2b(text.replace(without, "").encode(errors="surrogatepass"), digest_size=12).hexdigest()


FIRST = "started"
"""The identity of a run's first message, whatever that says: it is the same one in every replay."""
FIRST_KEY = f"event:workflow_started:{digest(FIRST)}#1"


class Keys:
    """The keys that a run has used. Thread-safe.

    The run's id is left out wherever a request mentions it, so that a log can be copied to another run. `version` 1 is
    how 1.0 made the keys, with the id, and with a place for each attempt that failed; a run keeps the version that it
    began with.
    """

    def __init__(self, run_id: str, version: int) -> None:
        self._run_id = run_id if version > 1 else ""
        self._gives_back = version > 1
        self._lock = threading.Lock()
        self._last: Counter[str] = Counter()
        self._free: defaultdict[str, list[int]] = defaultdict(list)
        """Places below the last one that are free again, each list a heap."""
        self._under_way: set[str] = set()

    def next(self, kind: str, scope: str, request: Any, *, inside: str = "", lasting: bool = False) -> str:
        """The key of this request, at the first free place. `inside` is the key of the step that it is a part of.

        What is done inside a step (a tool that asks a person, say) is counted apart, as a part of that step: a replay
        that has the step's result does not go inside, and must not take the next step's question for the one in there.

        `lasting`: it takes time, until `end` or `give_back`; nobody else gets its place meanwhile.
        """
        base = f"{inside}{INSIDE}" if inside else ""
        base += f"{kind}:{scope.replace(self._run_id, '')}:{digest(request, without=self._run_id)}"
        with self._lock:
            if free := self._free.get(base):
                key = f"{base}#{heapq.heappop(free)}"
            else:
                self._last[base] += 1
                key = f"{base}#{self._last[base]}"
            if lasting:
                self._under_way.add(key)
        return key

    def end(self, key: str) -> None:
        """What is under way has come to its end; it keeps its place."""
        with self._lock:
            self._under_way.discard(key)

    def give_back(self, key: str) -> None:
        """What was under way has failed: its place is free, and so is all that was done inside of it."""
        with self._lock:
            self._under_way.discard(key)
            if self._gives_back:
                base, _, place = key.rpartition("#")
                heapq.heappush(self._free[base], int(place))
                self._free_inside(key)

    def begin_again(self, key: str) -> None:
        """What is under way is tried again, in its place: what was done inside of it is free."""
        with self._lock:
            if self._gives_back:
                self._free_inside(key)

    def _free_inside(self, key: str) -> None:
        """All places inside a step, but those that a failed attempt has left behind at work."""
        for base, last in self._last.items():
            if base.startswith(f"{key}{INSIDE}"):
                places = range(1, last + 1)
                self._free[base] = [place for place in places if f"{base}#{place}" not in self._under_way]


def steps_around(key: str) -> list[str]:
    """The keys of the steps that this one is a part of, the outermost first."""
    parts = key.split(INSIDE)
    return [INSIDE.join(parts[:depth]) for depth in range(1, len(parts))]


def named(key: str) -> tuple[str, str]:
    """The kind and the scope of a key, of its innermost part."""
    kind, _, rest = key.split(INSIDE)[-1].partition(":")
    return kind, rest.rpartition(":")[0]
