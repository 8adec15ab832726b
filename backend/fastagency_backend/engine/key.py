"""Keys: what a message, a step or a question of a run *is*, so that a replay recognises it.

A key is made of what is done and the how-manieth time this run does just that. It does not say at which position:
frameworks interleave their tasks, so positions mean nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

INSIDE = " > "
"""Between the key of a step and the key of what was done inside of it."""


def digest(value: object, *, without: str = "") -> str:
    """A short fingerprint of a JSON-able value; what is not JSON goes in by its text. `without` is left out of it."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.blake2b(text.replace(without, "").encode(errors="surrogatepass"), digest_size=12).hexdigest()


class Keys:
    """The keys that a run has used. Not thread-safe: call it under the lock of the run's bridge.

    The run's id is left out wherever a request mentions it, so that a log can be copied to another run. `version` 1 is
    how 1.0 made the keys, with the id; a run keeps the version that it began with.
    """

    def __init__(self, run_id: str, version: int) -> None:
        self._run_id = run_id if version > 1 else ""
        self._counts: Counter[str] = Counter()

    def next(self, kind: str, scope: str, request: Any, *, inside: str = "") -> str:
        """The next key of this request. `inside` is the key of the step that it is a part of.

        What is done inside a step (a tool that asks a person, say) is counted apart, as a part of that step: a replay
        that has the step's result does not go inside, and must not take the next step's question for the one in there.
        """
        base = f"{inside}{INSIDE}" if inside else ""
        base += f"{kind}:{scope.replace(self._run_id, '')}:{digest(request, without=self._run_id)}"
        self._counts[base] += 1
        return f"{base}#{self._counts[base]}"


def steps_around(key: str) -> list[str]:
    """The keys of the steps that this one is a part of, the outermost first."""
    parts = key.split(INSIDE)
    return [INSIDE.join(parts[:depth]) for depth in range(1, len(parts))]
