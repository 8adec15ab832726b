"""Is this an answer to that question? Decided before anything is recorded: a bad answer leaves the question open."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from fastagency_shared.errors import InvalidRequest
from fastagency_shared.messages import MultipleChoice, Question, TextInput

MAX_ANSWER_CHARS = 100_000
MAX_ANSWER_ITEMS = 20_000
MAX_LISTED_CHOICES = 20

SEPARATOR = re.compile(r"\s*(?:,\s*|\Z)")

Answer = str | list[str]


def _bounded(value: Any) -> Any:
    """Before each item is looked at, and complained of."""
    if isinstance(value, list) and len(value) > MAX_ANSWER_ITEMS:
        raise ValueError(f"has {len(value):,} items; the most is {MAX_ANSWER_ITEMS:,}")
    return value


AnyAnswer = Annotated[str | Annotated[list[str], Field(max_length=MAX_ANSWER_ITEMS)], BeforeValidator(_bounded)]
"""An answer as it comes over the wire."""


def check_answer(question: Question, value: Answer) -> Answer:
    """Return the answer in its canonical form: `str` for text and for a single choice, a list for several.

    Raises:
        InvalidRequest: it is too long, or not among the choices.
    """
    match question:
        case TextInput():
            return _check_text(value)
        case MultipleChoice(single=True):
            return _check_one(question, value)
        case MultipleChoice():
            return _check_many(question, value)


def read_plain_answer(question: Question, text: str) -> Answer:
    """Read the plain text of a v1 client: several choices come as a JSON list or joined by commas.

    Raises:
        InvalidRequest: as `check_answer`.
    """
    if isinstance(question, MultipleChoice) and not question.single:
        return check_answer(question, _split(question, text))
    return check_answer(question, text)


def _check_text(value: Answer) -> str:
    if not isinstance(value, str):
        raise InvalidRequest("The answer to a text question must be text, not a list.")
    if len(value) > MAX_ANSWER_CHARS:
        raise InvalidRequest(
            f"The answer has {len(value)} characters; the most is {MAX_ANSWER_CHARS}. Please shorten it."
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequest("The answer holds half a character, such as one part of an emoji: remove it.") from None
    return value


def _check_one(question: MultipleChoice, value: Answer) -> str:
    chosen = [value] if isinstance(value, str) else value
    if len(chosen) != 1 or chosen[0] not in question.choices:
        raise InvalidRequest(f"{_shown(value)} is not one of the choices. Choose one of: {_listed(question)}.")
    return chosen[0]


def _check_many(question: MultipleChoice, value: Answer) -> list[str]:
    chosen = {value: None} if isinstance(value, str) else dict.fromkeys(value)
    choices = set(question.choices)
    unknown = [item for item in chosen if item not in choices]
    if unknown:
        raise InvalidRequest(f"{_shown(unknown)} is not among the choices. Choose from: {_listed(question)}.")
    return [choice for choice in question.choices if choice in chosen]


def _split(question: MultipleChoice, text: str) -> Answer:
    """A list of choices is that list, even where it is also the name of a choice: that one is sent inside a list."""
    listed = _read_list(text)
    if listed is not None and set(listed) <= set(question.choices):
        return listed
    if text in question.choices:
        return [text]
    if not text.strip():
        return []
    return listed if listed is not None else _split_commas(question, text)


def _read_list(text: str) -> list[str] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def _split_commas(question: MultipleChoice, text: str) -> list[str]:
    """Split at commas, but never inside a choice that has a comma itself: the longest choice wins."""
    choices = set(question.choices)
    lengths = sorted({len(choice) for choice in choices}, reverse=True)
    text = text.strip()
    found: list[str] = []
    at = 0
    while at < len(text):  # by position, because cutting a long text again and again takes a second
        starts = (c for length in lengths if (c := text[at : at + length]) in choices)
        ends = ((c, SEPARATOR.match(text, at + len(c))) for c in starts)
        item, separator = next((pair for pair in ends if pair[1]), (None, None))
        if item is None or separator is None:
            comma = text.find(",", at)
            item = text[at : comma if comma >= 0 else None].rstrip()
            separator = SEPARATOR.match(text, at + len(item))
        found.append(item)
        if len(found) > MAX_ANSWER_ITEMS:
            raise InvalidRequest(f"The answer has more than {MAX_ANSWER_ITEMS:,} items. Please choose fewer.")
        at = separator.end() if separator else len(text)
    return found


def _shown(value: Answer) -> str:
    text = value if isinstance(value, str) else ", ".join(value[:MAX_LISTED_CHOICES])
    return repr(text if len(text) <= 80 else text[:80] + "…")


def _listed(question: MultipleChoice) -> str:
    listed = ", ".join(repr(choice) for choice in question.choices[:MAX_LISTED_CHOICES])
    left = len(question.choices) - MAX_LISTED_CHOICES
    return f"{listed} and {left:,} more" if left > 0 else listed
