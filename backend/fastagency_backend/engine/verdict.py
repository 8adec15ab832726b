"""What a strict replay of a run means for a deploy: a function from what was noted to a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fastagency_backend.engine.key import named
from fastagency_backend.engine.outline import Outline, differences, likeness
from fastagency_backend.engine.strict import Request

Kind = Literal["ok", "calls", "diverges", "fails", "gone", "unclear"]

SAME_AT_LEAST = 0.2
"""How alike two requests must be to be compared, when they are of one kind but not of one agent or function."""
SHOWN = 3


@dataclass(frozen=True)
class Verdict:
    """`ok`: goes on as before. `calls`: pays again for so many `calls`. `diverges`: says or asks something else.

    `fails`: its code raises. `gone`: its workflow is. `unclear`: it could not be replayed. `details` are lines for
    people.
    """

    run_id: str
    workflow: str
    kind: Kind
    sentence: str
    calls: int = 0
    details: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Named:
    """A key, read."""

    kind: str
    scope: str

    @classmethod
    def of(cls, key: str) -> Named:
        return cls(*named(key))

    @property
    def is_call(self) -> bool:
        return self.kind not in ("event", "ask")

    def __str__(self) -> str:
        match self.kind:
            case "event":
                return f"the message {self.scope}"
            case "ask":
                return f"the question of {self.scope}" if self.scope else "the question"
            case "llm" | "completion":
                return f"the model call of {self.scope or 'no agent'}"
            case "tool" | "function":
                return f"the tool call of {self.scope or 'no agent'}"
            case "step":
                return f"the step {self.scope.replace('<locals>.', '')}"
            case _:
                return f"the step {self.kind}" + (f" {self.scope}" if self.scope else "")


def judge_new_and_left(
    new: list[Request], left: list[str], past: Mapping[str, Outline | None]
) -> tuple[Kind, str, int, list[str]]:
    """Kind, sentence, number of calls and details, of a run that does not do again what it did."""
    calls = sum(Named.of(request.key).is_call for request in new)
    details, unmatched = [], list(left)
    for request in new[:SHOWN]:
        nearest = _nearest(request, unmatched, past)
        if nearest is None:
            details.append(f"{Named.of(request.key)} is new: {_first(request.asked)}")
            continue
        unmatched.remove(nearest)
        was, now = Named.of(nearest), Named.of(request.key)
        about = str(now) if was == now else f"{was} became {now}"
        parts = past.get(nearest)
        if parts is None:
            details.append(f"{about}: another request; what was asked then is not kept")
        else:
            details += [f"{about}: {line}" for line in differences(parts, request.asked) or ["it comes once more"]]
    if all(Named.of(request.key).kind == "event" for request in new):  # else what follows them could not come
        details += [f"{Named.of(key)} does not come any more: {_first(past.get(key))}" for key in unmatched[:SHOWN]]
        if len(unmatched) > SHOWN:
            details.append(f"and {len(unmatched) - SHOWN} more do not come any more")
    if len(new) > SHOWN:
        details.append(f"and {len(new) - SHOWN} more are new")
    if calls:
        return "calls", f"would make {calls} {'call' if calls == 1 else 'calls'} again", calls, details
    at = Named.of(new[0].key if new else left[0])
    return "diverges", f"would diverge at {at}", 0, details


def _nearest(request: Request, left: list[str], past: Mapping[str, Outline | None]) -> str | None:
    now = Named.of(request.key)
    best: tuple[float, str] | None = None
    for key in left:
        was = Named.of(key)
        if was.is_call != now.is_call or (not now.is_call and was.kind != now.kind):
            continue
        like = likeness(past.get(key) or {}, request.asked) + (was == now) + 0.5 * (was.kind == now.kind)
        if like >= SAME_AT_LEAST and (best is None or like > best[0]):
            best = (like, key)
    return best[1] if best else None


def _first(parts: Outline | None) -> str:
    if not parts:
        return "(what it was is not kept)"
    return ", ".join(f"{path} {text}" if path else text for path, text in list(parts.items())[:SHOWN])
