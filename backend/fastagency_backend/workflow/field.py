"""The keywords of the `ui` methods, once for `UI` and `AsyncUI`: what a type checker holds a workflow's author to.

A method takes the fields of its message's content and, of the envelope, those of `Envelope`. The types are wider than
those of the message classes (`fastagency_shared/messages.py`) where `build` makes the one from the other; a test ties
the two together. None stands for the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Required, TypedDict

Texts = list[str] | tuple[str, ...]
"""No `Sequence[str]`: a lone `str` would be one."""


class Envelope(TypedDict, total=False):
    """What every method takes beside its content."""

    sender: str | None
    recipient: str | None
    auto_reply: bool
    uuid: str | None


class TextMessageFields(Envelope, total=False):
    body: str | None


class SuggestedFunctionCallFields(Envelope, total=False):
    function_name: str | None
    call_id: str | None
    arguments: Mapping[str, Any] | None


class FunctionCallExecutionFields(Envelope, total=False):
    function_name: str | None
    call_id: str | None
    retval: Any
    is_error: bool | None


class SystemMessageFields(Envelope, total=False):
    message: Mapping[str, Any] | None


class ErrorFields(Envelope, total=False):
    short: str | None
    long: str | None


class TextInputFields(Envelope, total=False):
    prompt: str | None
    suggestions: Texts | None
    password: bool
    deadline_s: float | None
    default: str | None


class _Choice(Envelope, total=False):
    prompt: str | None
    choices: Required[Texts]
    default: str | None
    deadline_s: float | None


class MultipleChoiceFields(_Choice, total=False):
    single: bool


class SeveralChoicesFields(_Choice, total=False):
    """Of a `multiple_choice` whose answer is known to be a list."""

    single: Required[Literal[False]]
