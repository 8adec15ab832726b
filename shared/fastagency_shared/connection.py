"""The rules of a WebSocket connection, without any I/O: what a client may send, and how a connection ends.

v1 (the guide): the first frame is the reply to `initiate_workflow`; after that every text frame answers a question.
v2 (subprotocol `fastagency.v2`): the first frame names the run and may carry a cursor; after that frames are JSON
objects with a `type`, and an answer names its question.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from fastagency_shared.answer import MAX_ANSWER_CHARS, AnyAnswer
from fastagency_shared.errors import InvalidRequest
from fastagency_shared.fault import describe
from fastagency_shared.run import MAX_QUESTION_ID_CHARS, Cursor, Epoch, RunId, UserId

SUBPROTOCOL_V2 = "fastagency.v2"
BEARER_SUBPROTOCOL = "fastagency.bearer."
"""Before a bearer token, offered beside the protocol: for browsers, which cannot set a header."""
MAX_FRAME_CHARS = 2 * MAX_ANSWER_CHARS
MAX_FRAME_BYTES = 1_048_576
"""Where `fastagency` starts the server: longer frames of a client are not even read."""
FIRST_FRAME_TIMEOUT_S = 30.0
HEARTBEAT_S = 15.0
"""A v2 client that has heard nothing for some multiple of this may take the connection for dead."""


class CloseCode(IntEnum):
    """Why a connection was closed, and whether it is worth coming back. 1xxx are those of RFC 6455, 4xxx are ours."""

    meaning: str
    come_back: str

    def __new__(cls, value: int, meaning: str, come_back: str) -> Self:
        code = int.__new__(cls, value)
        code._value_ = value
        code.meaning, code.come_back = meaning, come_back
        return code

    NORMAL = 1000, "the run has ended and everything was sent", "no"
    UNSUPPORTED = 1003, "you sent a binary frame", "with text"
    LOST = 1006, "never sent: the connection was lost", "yes"
    POLICY = 1008, "something between you and the backend does not allow it", "no"
    TOO_BIG = 1009, f"a frame had more than {MAX_FRAME_CHARS:,} characters", "with a shorter one"
    INTERNAL = 1011, "something failed in the server", "yes"
    RESTART = 1012, "the server is shutting down; the run goes on", "yes"
    MALFORMED = 4400, "the first frame is malformed", "with a correct one"
    UNAUTHENTICATED = 4401, "you are not signed in", "after signing in"
    FORBIDDEN = 4403, "you are not allowed", "no"
    NOT_FOUND = 4404, "there is no such run, or it is not yours: the two are never told apart", "no"
    TIMEOUT = 4408, f"no first frame came within {FIRST_FRAME_TIMEOUT_S:.0f} seconds", "yes"
    STALE_CURSOR = 4409, "the cursor is of another epoch: the database has failed over", "from the start"


def worth_coming_back(code: int) -> bool:
    """Whether the same connection may work a little later. A 4xxx that is not known here is a refusal."""
    known = next((each for each in CloseCode if each == code), None)
    return code < 4000 if known is None else known.come_back == "yes"


class FirstFrame(BaseModel):
    """Which run the connection is for; a v1 client sends the whole reply to `initiate_workflow`.

    `after` and `epoch` are those of the last message that the client has seen.
    """

    workflow_uuid: RunId
    user_id: UserId | None = None
    after: Cursor = 0
    epoch: Epoch = 0


class AnswerFrame(BaseModel):
    """v2: an answer to one question."""

    type: Literal["answer"]
    question: str = Field(max_length=MAX_QUESTION_ID_CHARS)
    value: AnyAnswer


class CancelFrame(BaseModel):
    """v2: stop the run."""

    type: Literal["cancel"]


ClientFrame = AnswerFrame | CancelFrame

_frames: TypeAdapter[ClientFrame] = TypeAdapter(Annotated[ClientFrame, Field(discriminator="type")])


def read_first_frame(text: str) -> FirstFrame:
    """Raises `InvalidRequest` with a sentence that says what is wrong with it."""
    try:
        return FirstFrame.model_validate(_json_object(text))
    except ValidationError as error:
        raise InvalidRequest(
            f"The first frame must be the reply to initiate_workflow; its {describe(error)}."
        ) from None


def read_client_frame(text: str) -> ClientFrame:
    """Read a v2 client's frame. Raises `InvalidRequest`."""
    try:
        return _frames.validate_python(_json_object(text))
    except ValidationError as error:
        raise InvalidRequest(f"This frame is not understood: {describe(error)}.") from None


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRequest("The frame must be a JSON object, and this is not JSON.") from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"The frame must be a JSON object, not {_kind(value)}.")
    return value


def _kind(value: object) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
