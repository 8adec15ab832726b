"""The messages of a run, each written once.

On the wire a message is an envelope and a `content`::

    {"type": "text_message", "uuid": "...", "workflow_uuid": "...", "sender": "teacher", "recipient": "student",
     "auto_reply": false, "content": {"body": "Hello"}}

In Python the fields of the content are fields of the class: `TextMessage(sender="teacher", body="Hello")`.
JSON Schema, OpenAPI, AsyncAPI, the table in the docs and the golden files are generated from these classes.

To add a message: write its class here, add it to `LOGGED` or `TRANSIENT`, and let the type checker name every `match`
that has to know it.
"""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, assert_never
from uuid import uuid4

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

ENVELOPE = ("type", "uuid", "workflow_uuid", "sender", "recipient", "auto_reply", "seq", "at", "epoch")


def new_uuid() -> str:
    """A fresh id that nobody can guess: 32 hexadecimal digits, for runs."""
    return uuid4().hex


_bits = Random()  # noqa: S311 - nothing is protected by it, see new_message_uuid
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_bits.seed)

_VERSION_4 = 0x00000000_0000_4000_8000_000000000000
_NOT_VERSION = 0xFFFFFFFF_FFFF_0FFF_3FFF_FFFFFFFFFFFF


def new_message_uuid() -> str:
    """A fresh id for a message, from a generator that is seeded once.

    Asking the system each time takes longer than all else that happens to a message, and only the run's owner sees it.
    """
    return f"{_bits.getrandbits(128) & _NOT_VERSION | _VERSION_4:032x}"


class Message(BaseModel):
    """What every message carries, whoever sends it.

    `uuid` is the message's own id and `workflow_uuid` the run's, 32 hexadecimal digits each. `seq` (1, 2, 3, ... in a
    run, no gaps) and `at` are set by the log and seen by v2 clients only; a transient message has neither. `epoch`,
    left out where it is 0, grows when a failover of the database may have lost the newest messages: a `seq` of another
    one may be another message's.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str
    uuid: str = Field(default_factory=new_message_uuid)
    workflow_uuid: str = ""
    sender: str | None = None
    recipient: str | None = None
    auto_reply: bool = False
    seq: int | None = Field(default=None, ge=1)
    at: datetime | None = None
    epoch: int = Field(default=0, ge=0, exclude_if=operator.not_)

    v2_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields of the content that a v1 client is not sent: it may refuse what it does not know."""
    system_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields of the content that the system sets, not whoever writes the message."""
    is_question: ClassVar[bool] = False
    ends_run: ClassVar[bool] = False

    @classmethod
    def content_fields(cls) -> tuple[str, ...]:
        return tuple(name for name in cls.model_fields if name not in ENVELOPE)

    @model_validator(mode="before")
    @classmethod
    def _unfold(cls, data: Any) -> Any:
        """Accept the wire's shape: lift the known fields out of `content`."""
        if not isinstance(data, Mapping) or not isinstance(data.get("content"), Mapping):
            return data
        content = data["content"]
        lifted = {name: content[name] for name in cls.content_fields() if name in content}
        return {name: value for name, value in data.items() if name != "content"} | lifted

    @model_serializer(mode="wrap")
    def _fold(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        flat = handler(self)
        pop = flat.pop
        wire = {
            "type": pop("type"),
            "uuid": pop("uuid"),
            "workflow_uuid": pop("workflow_uuid"),
            "sender": pop("sender"),
            "recipient": pop("recipient"),
            "auto_reply": pop("auto_reply"),
        }
        for name in ("seq", "at"):
            if (value := pop(name)) is not None:
                wire[name] = value
        if (epoch := pop("epoch", 0)) != 0:
            wire["epoch"] = epoch
        wire["content"] = flat
        return wire

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the wire's shape, not the class's."""
        # The serializer returns a plain dict, which has no schema of its own: describe the fields instead.
        schema = handler({**core_schema, "serialization": None})
        target = handler.resolve_ref_schema(schema)
        properties: dict[str, Any] = target.get("properties", {})
        content = {name: properties.pop(name) for name in cls.content_fields() if name in properties}
        required = [name for name in target.get("required", []) if name in content]
        body: dict[str, Any] = {"type": "object", "properties": content}
        if required:
            body["required"] = required
        properties["content"] = body
        target["required"] = ["type", "uuid", "workflow_uuid", "content"]
        return schema

    def wire(self) -> dict[str, Any]:
        """The message as a JSON-ready dict in the wire's shape."""
        return self.model_dump(mode="json")


class TextMessage(Message):
    """Text to show, as markdown; sent by an agent or by the workflow whenever it has something to say.

    `interrupted` (v2 only, left out where it is not so): the run was stopped or failed while this was being written.
    """

    type: Literal["text_message"] = "text_message"
    body: str | None = None
    interrupted: bool = Field(default=False, exclude_if=operator.not_)

    v2_fields = system_fields = frozenset({"interrupted"})


class SuggestedFunctionCall(Message):
    """A model asks for a function to be called; sent before the call is made."""

    type: Literal["suggested_function_call"] = "suggested_function_call"
    function_name: str | None = None
    call_id: str | None = None
    arguments: dict[str, JsonValue] = Field(default_factory=dict)


class FunctionCallExecution(Message):
    """A function has been called; sent with what it returned, under the `call_id` of the suggestion.

    `is_error` (v2 only): the call failed, and `retval` says how.
    """

    type: Literal["function_call_execution"] = "function_call_execution"
    function_name: str | None = None
    call_id: str | None = None
    retval: JsonValue = None
    is_error: bool = False

    v2_fields = frozenset({"is_error"})


class TextInput(Message):
    """The workflow asks a person for text and waits. With `password` the answer is never shown nor logged.

    `deadline` (v2 only): no answer is taken from then on.
    """

    type: Literal["text_input"] = "text_input"
    prompt: str | None = None
    suggestions: list[str] = Field(default_factory=list)
    password: bool = False
    deadline: datetime | None = None

    v2_fields = frozenset({"deadline"})
    system_fields = frozenset({"deadline"})
    is_question = True


class MultipleChoice(Message):
    """The workflow asks a person to choose and waits: one of `choices`, or any number of them unless `single`.

    `deadline` (v2 only): no answer is taken from then on, and `default`, if there is one, is chosen.
    """

    type: Literal["multiple_choice"] = "multiple_choice"
    prompt: str | None = None
    choices: list[str] = Field(default_factory=list)
    default: str | None = None
    single: bool = True
    deadline: datetime | None = None

    v2_fields = frozenset({"deadline"})
    system_fields = frozenset({"deadline"})
    is_question = True


class SystemMessage(Message):
    """A notice of the system around the agents (a stop reason, a handoff), as a free-form object.

    Clients know `heading` (a title), the first text among `body`, `message`, `content`, `text` (markdown), and `event`
    (which kind of notice); an object without a text is shown as it is.
    """

    type: Literal["system_message"] = "system_message"
    message: dict[str, JsonValue] = Field(default_factory=dict)


class KeepAlive(Message):
    """A sign of life without content, sent by a workflow during long work. Nothing to show."""

    type: Literal["keep_alive"] = "keep_alive"


class WorkflowStarted(Message):
    """The first message of every run."""

    type: Literal["workflow_started"] = "workflow_started"
    name: str | None = None
    description: str | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict)


class WorkflowCompleted(Message):
    """The last message of a run that ended well, with what the workflow returned."""

    type: Literal["workflow_completed"] = "workflow_completed"
    result: str | None = None

    ends_run = True


class Error(Message):
    """Something went wrong: `short` is one sentence to show, `long` may be folded away. Also sent to refuse a frame."""

    type: Literal["error"] = "error"
    short: str | None = None
    long: str | None = None


class WorkflowFailed(Message):
    """v2: the last message of a run that failed, unless it is resumed. A v1 client gets an `error` in its place."""

    type: Literal["workflow_failed"] = "workflow_failed"
    short: str | None = None
    long: str | None = None

    ends_run = True


class WorkflowCancelled(Message):
    """v2: the last message of a run that was stopped. A v1 client gets an `error` in its place."""

    type: Literal["workflow_cancelled"] = "workflow_cancelled"
    reason: str | None = None

    ends_run = True


class WorkflowResumed(Message):
    """v2: a run that had failed goes on from where it was; `by` is who asked for that. Follows `workflow_failed`."""

    type: Literal["workflow_resumed"] = "workflow_resumed"
    by: str | None = None


class InputAnswered(Message):
    """v2: a person's answer to `question` was accepted; every watcher learns of it. `value` is null for a password."""

    type: Literal["input_answered"] = "input_answered"
    question: str = ""
    value: str | list[str] | None = None


class InputExpired(Message):
    """v2: nobody answered `question` before its deadline; it is closed. A v1 client gets a `system_message`.

    `value` is what the workflow goes on with; null if there is no default, or it is a password.
    """

    type: Literal["question_expired"] = "question_expired"
    question: str = ""
    value: str | list[str] | None = None


class Thought(Message):
    """v2: an agent's reasoning, apart from what it says."""

    type: Literal["thought"] = "thought"
    body: str | None = None


class Usage(Message):
    """v2: tokens that one model call took."""

    type: Literal["usage"] = "usage"
    model: str | None = None
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)


class TextChunk(Message):
    """v2, transient: a piece of a message under way. The whole text follows as a `text_message` of the same sender.

    `offset` is where the piece begins in the text of its `stream`: it takes the place of what a client has from there
    on. Who joins in the middle gets the text so far as one piece that begins at 0.
    """

    type: Literal["text_chunk"] = "text_chunk"
    stream: str = ""
    delta: str = ""
    offset: int | None = Field(default=None, ge=0, exclude_if=lambda offset: offset is None)


class AnswerResult(Message):
    """v2, transient: tells the client that answered `question` whether the answer was accepted, and if not, why."""

    type: Literal["answer_result"] = "answer_result"
    question: str = ""
    accepted: bool = False
    reason: str | None = None


class RunStatusChanged(Message):
    """v2, transient: the run's status or title changed, or why it waits for a worker (`reason`, for people)."""

    type: Literal["run_status"] = "run_status"
    status: str = ""
    title: str | None = None
    reason: str | None = None


LoggedMessage: TypeAlias = (
    TextMessage
    | SuggestedFunctionCall
    | FunctionCallExecution
    | TextInput
    | MultipleChoice
    | SystemMessage
    | KeepAlive
    | WorkflowStarted
    | WorkflowCompleted
    | Error
    | WorkflowFailed
    | WorkflowCancelled
    | WorkflowResumed
    | InputAnswered
    | InputExpired
    | Thought
    | Usage
)
"""Messages that are in a run's log, with a `seq`."""

TransientMessage: TypeAlias = TextChunk | AnswerResult | RunStatusChanged
"""Messages that only those see who are connected when they are sent; they have no `seq`."""

Question: TypeAlias = TextInput | MultipleChoice
AnyMessage: TypeAlias = Annotated[LoggedMessage | TransientMessage, Field(discriminator="type")]

_adapter: TypeAdapter[LoggedMessage | TransientMessage] = TypeAdapter(AnyMessage)


def message_classes() -> tuple[type[Message], ...]:
    """Every message class, logged ones first."""
    return (*LoggedMessage.__args__, *TransientMessage.__args__)


def parse_message(data: str | bytes | Mapping[str, Any]) -> LoggedMessage | TransientMessage:
    """Read one message from the wire.

    Raises:
        pydantic.ValidationError: the type is unknown or a field has the wrong shape.
    """
    if isinstance(data, str | bytes):
        return _adapter.validate_json(data)
    return _adapter.validate_python(data)


def to_v1(message: LoggedMessage | TransientMessage) -> LoggedMessage | None:
    """What a v1 client is sent for a message: itself, a v1 message in its place, or nothing."""
    match message:
        case WorkflowFailed():
            return Error(**_envelope(message), short=message.short, long=message.long)
        case InputExpired():
            return SystemMessage(**_envelope(message), message={"event": message.type, "body": expired_text(message)})
        case WorkflowCancelled():
            return Error(**_envelope(message), short=message.reason or "The workflow was stopped.")
        case (
            WorkflowResumed()
            | InputAnswered()
            | Thought()
            | Usage()
            | TextChunk()
            | AnswerResult()
            | RunStatusChanged()
        ):
            return None
        case (
            TextMessage()
            | SuggestedFunctionCall()
            | FunctionCallExecution()
            | TextInput()
            | MultipleChoice()
            | SystemMessage()
            | KeepAlive()
            | WorkflowStarted()
            | WorkflowCompleted()
            | Error()
        ):
            return message
    assert_never(message)


def expired_text(message: InputExpired) -> str:
    """What people are told when a question has expired."""
    if message.value is None:
        return "Nobody answered in time."
    value = message.value if isinstance(message.value, str) else ", ".join(message.value)
    return f"Nobody answered in time; the answer is: {value or '(none)'}"


def v1_json(message: LoggedMessage | TransientMessage) -> str | None:
    """The frame that a v1 client is sent for a message; None for nothing."""
    shown = to_v1(message)
    if shown is None or not shown.v2_fields:
        return None if shown is None else shown.model_dump_json()
    wire = shown.wire()
    wire["content"] = {name: value for name, value in wire["content"].items() if name not in shown.v2_fields}
    return json.dumps(wire, ensure_ascii=False, separators=(",", ":"))


def _envelope(message: Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in ENVELOPE[1:]}
