"""What does not fit, as words: the one place where an error of pydantic's becomes a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Refusal(Protocol):
    """pydantic's `ValidationError`, or FastAPI's of a request."""

    def errors(self) -> Sequence[Any]: ...


class Fault(NamedTuple):
    """One thing that does not fit: where it stands, and what should be there."""

    place: tuple[str | int, ...]
    says: str

    def __str__(self) -> str:
        place = ".".join(map(str, self.place))
        text = f"{place}: {self.says}" if place else self.says
        return " ".join(text.splitlines())  # it may quote what somebody sent


def faults(refusal: Refusal) -> list[Fault]:
    """Everything that does not fit, in pydantic's words."""
    return [fault(each) for each in refusal.errors()]


def fault(error: Mapping[str, Any]) -> Fault:
    """One of pydantic's errors, which may have come as JSON from somebody else's server."""
    place = error.get("loc", ())
    says = str(error.get("msg", "it was not accepted")).removeprefix("Value error, ")
    return Fault(tuple(place) if isinstance(place, list | tuple) else (), says)


def describe(refusal: Refusal) -> str:
    """The first thing that does not fit, without a full stop: the end of a sentence."""
    return str(faults(refusal)[0])


def describe_request(errors: Sequence[Mapping[str, Any]]) -> str:
    """The first three things that do not fit in a request: FastAPI begins each place with the part of the request."""
    found = [fault(each) for each in errors[:3]]
    parts = [str(Fault(each.place[1:] or each.place, each.says)) for each in found]
    return f"The request is not valid: {'; '.join(parts) or 'it was not accepted'}."


def describe_settings(refusal: Refusal, prefix: str) -> str:
    """Every variable that does not fit; the variable of a field is `prefix` and its name in capitals."""
    found = [f"{prefix}{str(each.place[0]).upper()}: {each.says}" for each in faults(refusal)]
    return f"Please correct the environment. {'; '.join(found)}."
