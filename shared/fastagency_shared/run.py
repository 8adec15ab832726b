"""A run as its clients see it, and what they send to start one.

A *run* is one start of a workflow by one user; on the wire its id is called `workflow_uuid`.
"""

from __future__ import annotations

import json
import operator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from fastagency_shared.answer import AnyAnswer
from fastagency_shared.messages import AnyMessage, MultipleChoice, TextInput, new_uuid

MAX_NAME_CHARS = 200
MAX_TITLE_CHARS = 200
MAX_USER_ID_CHARS = 500
USER_HEADER = "X-FastAgency-User"
"""Carries a claimed user id, percent-encoded: unlike a query parameter it does not end up in access logs."""
MAX_QUESTION_ID_CHARS = 100
MAX_SEQ = 2**63 - 1
"""The greatest number that a log can count to."""


class RunStatus(StrEnum):
    """Where a run is in its life; `fastagency_backend/engine/state.py` has the transitions."""

    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED)


def _hex(value: Any) -> Any:
    """Take any spelling of a UUID; the canonical one is 32 hexadecimal digits."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, str):
        try:
            return UUID(value).hex
        except ValueError:
            raise ValueError("should be a UUID, such as 0b6d3f5c9f6b4a53a2f6f0c7b9a3f1de") from None
    return value


def _fresh(value: Any) -> Any:
    return new_uuid() if value is None else value


def _uuid_or_fresh(value: Any) -> Any:
    if not isinstance(value, str | int) or isinstance(value, bool):
        return value
    try:
        return UUID(str(value)).hex
    except ValueError:
        return new_uuid()


RunId = Annotated[str, BeforeValidator(_hex)]
NewRunId = Annotated[RunId, BeforeValidator(_fresh)]
"""Like `RunId`; null asks for a fresh one."""
ProposedRunId = Annotated[NewRunId, BeforeValidator(_uuid_or_fresh)]
"""Like `NewRunId`; so does text that is no UUID, such as "1234"."""
UserId = Annotated[str, Field(max_length=MAX_USER_ID_CHARS)]
Cursor = Annotated[int, Field(ge=0, le=MAX_SEQ)]
Epoch = Annotated[int, Field(ge=0, le=MAX_SEQ)]
"""Two cursors can be compared only if they are of the same epoch; see `Message`."""


def _single_line(title: str) -> str:
    title = " ".join(title.split())
    if not title:
        raise ValueError("should not be empty")
    return title


def _writable(params: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Python's JSON takes what no JSON text can carry on: NaN, and halves of characters."""
    try:
        json.dumps(params, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:  # UnicodeEncodeError is one
        reason = "it holds half a character" if isinstance(error, UnicodeError) else "it holds NaN or an infinity"
        raise ValueError(f"cannot be written as JSON: {reason}") from None
    return params


Params = Annotated[dict[str, JsonValue], AfterValidator(_writable)]


class WorkflowInfo(BaseModel):
    """One entry of the discovery: a workflow that can be started."""

    name: str
    description: str


class InitiateRequest(BaseModel):
    """Asks for a run. A `workflow_uuid` of the client's own makes the request safe to repeat."""

    workflow_name: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    workflow_uuid: NewRunId = Field(default_factory=new_uuid)
    user_id: UserId | None = None
    params: Params = Field(default_factory=dict)


class InitiateBody(InitiateRequest):
    """`InitiateRequest` as clients send it.

    Clients written for FastAgency 0.x may propose any text as `workflow_uuid`. What is no UUID cannot be a run's id, so
    the run gets an id of the server's own, which the reply carries.
    """

    workflow_uuid: ProposedRunId = Field(
        default_factory=new_uuid,
        description="A UUID makes the request safe to repeat. Left out, or no UUID: the server makes the id.",
    )


class InitiateReply(BaseModel):
    """The run that was created; sent back as the first frame of the WebSocket."""

    name: str
    workflow_uuid: RunId
    user_id: str | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)


class RunInfo(BaseModel):
    """A run without its messages.

    `last_seq` is the cursor of the newest message, and of `epoch`, which is left out where it is 0; `questions` are
    those that wait for an answer, oldest first.
    `parent` is the run that this one was forked from. `reason` tells people why a run that is ready is not taken up; it
    comes with `GET /runs/{id}` and pages of messages.
    """

    model_config = ConfigDict(frozen=True)

    workflow_uuid: str
    name: str
    user_id: str | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)
    status: RunStatus
    title: str
    result: str | None = None
    created_at: datetime
    updated_at: datetime
    last_seq: int = 0
    epoch: int = Field(default=0, exclude_if=operator.not_)
    parent: str | None = None
    reason: str | None = None
    questions: list[Annotated[TextInput | MultipleChoice, Field(discriminator="type")]] = Field(default_factory=list)


class MessagePage(BaseModel):
    """Messages after a cursor, in order, and the run as it was when they were read. `more`: a next page exists."""

    run: RunInfo
    messages: list[AnyMessage]
    more: bool = False


class AnswerRequest(BaseModel):
    """A person's answer to one question: text, or a list of choices."""

    question: str = Field(min_length=1, max_length=MAX_QUESTION_ID_CHARS)
    value: AnyAnswer


class ForkRequest(BaseModel):
    """Asks for a run that begins as this one did; `before` is the uuid of the question that it stands at."""

    before: str = Field(min_length=1, max_length=MAX_QUESTION_ID_CHARS)


class RenameRequest(BaseModel):
    title: Annotated[str, Field(max_length=MAX_TITLE_CHARS), AfterValidator(_single_line)]


class Problem(BaseModel):
    """The body of every refusal: `code` is the name of the error, `detail` a sentence to show."""

    code: str
    detail: str


__all__ = [
    "AnswerRequest",
    "Cursor",
    "Epoch",
    "ForkRequest",
    "InitiateBody",
    "InitiateReply",
    "InitiateRequest",
    "MessagePage",
    "Problem",
    "RenameRequest",
    "RunId",
    "RunInfo",
    "RunStatus",
    "WorkflowInfo",
]
