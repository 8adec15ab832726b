"""What the browser is sent for each message: one row, which one widget of `static/widgets.js` shows.

`static/wire.d.ts` is generated from these classes, so a widget that reads what no row has is found by the type checker,
and so is a row that has no widget.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict


class RowHead(TypedDict):
    """What every row has, whatever it shows. `seq` is its place in the run's log, `at` an ISO 8601 time."""

    id: str
    seq: int | None
    at: str | None
    sender: str | None
    recipient: str | None


class RenderedText(TypedDict):
    """A text as it was written, and as HTML that the server has rendered from it."""

    body: str
    html: str


class TextRow(RowHead, RenderedText):
    type: Literal["text_message"]


class InterruptedTextRow(RowHead, RenderedText):
    """The run ended before all of it was written."""

    type: Literal["text_message"]
    interrupted: Literal[True]


class StartedRow(RowHead):
    """`params` is JSON laid out for reading, or empty."""

    type: Literal["workflow_started"]
    name: str | None
    description: str | None
    params: str


class CompletedRow(RowHead, RenderedText):
    type: Literal["workflow_completed"]


class FailedRow(RowHead):
    type: Literal["workflow_failed"]
    short: str | None
    long: str | None


class CancelledRow(RowHead):
    type: Literal["workflow_cancelled"]
    short: str | None


class ResumedRow(RowHead):
    type: Literal["workflow_resumed"]


class ErrorRow(RowHead):
    type: Literal["error"]
    short: str | None
    long: str | None


class CallRow(RowHead):
    """`call` ties the call to its result; `arguments` is JSON laid out for reading."""

    type: Literal["suggested_function_call"]
    name: str | None
    call: str | None
    arguments: str


class ResultRow(RowHead):
    type: Literal["function_call_execution"]
    name: str | None
    call: str | None
    result: str
    failed: bool


class TextInputRow(RowHead, RenderedText):
    type: Literal["text_input"]
    password: bool


class MultipleChoiceRow(RowHead, RenderedText):
    type: Literal["multiple_choice"]
    choices: list[str]


class AnsweredRow(RowHead):
    """`question` is the id of the question's row; `values` is null for a password, which is never shown."""

    type: Literal["input_answered"]
    question: str
    values: list[str] | None


class ExpiredRow(RowHead):
    """`question` is the id of the question's row; `text` says what became of it."""

    type: Literal["question_expired"]
    question: str
    text: str


class NoticeRow(RowHead, RenderedText):
    type: Literal["system_message"]
    heading: str | None


class DetailedNoticeRow(RowHead):
    """A notice without a text of its own: `details` is the object that it is, as JSON laid out for reading."""

    type: Literal["system_message"]
    heading: str | None
    details: str


class ThoughtRow(RowHead, RenderedText):
    type: Literal["thought"]


class UsageRow(RowHead):
    """Tokens that one model call took."""

    type: Literal["usage"]
    model: str | None
    prompt: int
    completion: int


Row: TypeAlias = (
    TextRow
    | InterruptedTextRow
    | StartedRow
    | CompletedRow
    | FailedRow
    | CancelledRow
    | ResumedRow
    | ErrorRow
    | CallRow
    | ResultRow
    | TextInputRow
    | MultipleChoiceRow
    | AnsweredRow
    | ExpiredRow
    | NoticeRow
    | DetailedNoticeRow
    | ThoughtRow
    | UsageRow
)
