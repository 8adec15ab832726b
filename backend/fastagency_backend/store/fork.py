"""What a fork has of the log of the run that it is made of: all up to a question, which is then open again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

CLOSES = ("answer:", "expired:")
"""What the key of an event begins with that closes a question; its uuid follows."""


@dataclass(frozen=True, slots=True)
class Question:
    """A row of the table of questions."""

    uuid: str
    key: str
    asked: int
    body: str
    value: str | None
    order: int | None
    due: float | None
    expired: bool


Event = tuple[int, str, float, str]
"""Its number, key, moment and body."""


def copy_log(
    source: str, new: str, here: Question, events: Sequence[Event], questions: Iterable[Question]
) -> tuple[list[Event], list[Question]]:
    """The events and questions of the run `new`, of those of `source` up to the question `here`.

    Results keep their order, for a replay gives them out in it. Answers to passwords are not copied: they are asked for
    again. A question that is open again has no deadline: that of the first asking may be long over.
    """
    asked = [question for question in questions if question.asked <= here.asked]
    closed = _closed((key for _, key, _, _ in events), asked) - {here.uuid}
    open_again = {question.asked for question in asked if question.uuid not in closed}
    hidden = {prefix + question.uuid for question in asked if question.uuid not in closed for prefix in CLOSES}
    kept = [event for event in events if event[1] not in hidden]
    bodies = {
        seq: _without_deadline(_of_run(body, source, new)) if seq in open_again else _of_run(body, source, new)
        for seq, _, _, body in kept
    }
    numbers = {seq: number for number, (seq, _, _, _) in enumerate(kept, 1)}
    copies = [replace(each, asked=numbers[each.asked], body=bodies[each.asked]) for each in asked]
    return [(numbers[seq], key, at, bodies[seq]) for seq, key, at, _ in kept], [
        each if each.uuid in closed else replace(each, value=None, order=None, due=None, expired=False)
        for each in copies
    ]


def _closed(keys: Iterable[str], asked: list[Question]) -> set[str]:
    """The questions that were closed by then, and whose answers may be copied."""
    logged = set(keys)
    return {
        question.uuid
        for question in asked
        if any(prefix + question.uuid in logged for prefix in CLOSES) and not _is_secret(question)
    }


def _is_secret(question: Question) -> bool:
    return bool(json.loads(question.body)["content"].get("password"))


def _of_run(body: str, source: str, new: str) -> str:
    """A message as one of the new run. The first of these names is the envelope's."""
    return body.replace(f'"workflow_uuid":"{source}"', f'"workflow_uuid":"{new}"', 1)


def _without_deadline(body: str) -> str:
    message = json.loads(body)
    if message["content"].pop("deadline", None) is None:
        return body
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
