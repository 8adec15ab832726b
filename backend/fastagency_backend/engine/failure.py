"""Why a run failed, as far as anybody may know."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """`kind` is one word for the log and the metrics; `sentence` is for people, and has nothing internal in it."""

    kind: str
    sentence: str


UNANSWERED = Failure("unanswered", "A question was not answered in time, so the workflow stopped.")
TOO_LARGE = Failure("too_large", "Something in this conversation is larger than is kept, so the workflow stopped.")
IN_WORKFLOW = Failure("error", "The workflow stopped because of an error.")
"""What is said when nothing better is known."""
