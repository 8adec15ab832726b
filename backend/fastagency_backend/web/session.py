"""What a connection says and hears in each version of the protocol. No sockets here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Protocol

from fastagency_shared.answer import read_plain_answer
from fastagency_shared.connection import AnswerFrame, CancelFrame, read_client_frame
from fastagency_shared.errors import InvalidRequest, RequestError, StoreUnavailable, TooLarge
from fastagency_shared.messages import (
    AnswerResult,
    Error,
    InputAnswered,
    InputExpired,
    KeepAlive,
    MultipleChoice,
    Question,
    TextInput,
    TextMessage,
    message_classes,
    parse_message,
    to_v1,
    v1_json,
)

from fastagency_backend.engine.feed import Item
from fastagency_backend.engine.service import RunService
from fastagency_backend.engine.view import wire_v2
from fastagency_backend.store.base import RunRecord, StoredEvent


class Session(Protocol):
    """One connection's side of the protocol."""

    run_id: str

    def outgoing(self, batch: Sequence[Item]) -> Sequence[str]:
        """The frames for a batch of the run's messages; an empty batch is a heartbeat."""
        ...

    async def incoming(self, text: str) -> Sequence[str]:
        """Carry out a client's frame; the frames to reply with. Raises `RequestError`."""
        ...

    def refusal(self, sentence: str) -> str:
        """The frame that says why a frame was refused."""
        ...


class SessionV2:
    """`fastagency.v2`: numbered messages, answers that name their question, cancel."""

    def __init__(self, service: RunService, run: RunRecord, user_id: str | None) -> None:
        self.run_id = run.id
        self._service, self._user_id, self._epoch = service, user_id, run.epoch

    def outgoing(self, batch: Sequence[Item]) -> Sequence[str]:
        if not batch:
            return (KeepAlive(workflow_uuid=self.run_id).model_dump_json(),)
        epoch = self._epoch
        return [wire_v2(item, epoch) if isinstance(item, StoredEvent) else item.model_dump_json() for item in batch]

    async def incoming(self, text: str) -> Sequence[str]:
        match read_client_frame(text):
            case AnswerFrame(question=question, value=value):
                result = AnswerResult(workflow_uuid=self.run_id, question=question, accepted=True)
                try:
                    await self._service.answer(self.run_id, self._user_id, question, value)
                except RequestError as error:
                    result = result.model_copy(update={"accepted": False, "reason": error.detail})
                return [result.model_dump_json()]
            case CancelFrame():
                await self._service.cancel(self.run_id, self._user_id)
        return []

    def refusal(self, sentence: str) -> str:
        return _error(self.run_id, sentence)


class SessionV1:
    """The guide's protocol: messages without numbers, answers in plain text to the oldest question that is open.

    A client that attaches again gets everything from the start. Questions that were answered meanwhile come as text,
    followed by the answer, so that it does not ask its user again. A question whose answer could not be taken is sent
    once more after the refusal: the client's form for it is gone by then.
    """

    def __init__(self, service: RunService, run: RunRecord, user_id: str | None) -> None:
        self.run_id = run.id
        self._service, self._user_id = service, user_id
        self._past = run.last_seq
        self._open_then = {json.loads(body)["uuid"] for body in run.questions}
        self._open: dict[str, str] = {}

    def outgoing(self, batch: Sequence[Item]) -> Sequence[str]:
        frames: list[str] = []
        for item in batch:
            if isinstance(item, StoredEvent):
                body = item.body
                kind = body[9 : body.index('"', 9)]
                if kind in PLAIN and not body.endswith(INTERRUPTED):
                    frames.append(body)
                elif kind in QUESTIONS and item.seq > self._past:
                    self._open[_text_after('"uuid":', body)] = body
                    frames.append(_frame(body))
                elif kind == ANSWERED and item.seq > self._past:
                    self._open.pop(_text_after('"content":{"question":', body), None)
                else:
                    frames += self._translated(item)
        return frames

    def _translated(self, event: StoredEvent) -> Iterable[str]:
        message = parse_message(event.body)
        past = event.seq <= self._past
        match message:
            case TextInput() | MultipleChoice() if past and message.uuid not in self._open_then:
                yield _text(message.sender, message.recipient, message.prompt, self.run_id)
            case TextInput() | MultipleChoice():
                self._open[message.uuid] = event.body
                yield _frame(event.body)
            case InputAnswered():
                self._open.pop(message.question, None)
                if past:
                    yield _text(message.sender, message.recipient, _shown(message.value), self.run_id)
            case _:
                if isinstance(message, InputExpired):
                    self._open.pop(message.question, None)
                frame = v1_json(message)
                if frame is not None:
                    yield frame

    async def incoming(self, text: str) -> Sequence[str]:
        uuid, body = next(iter(self._open.items()), (None, ""))
        if uuid is None:
            raise InvalidRequest("Nothing is asked at the moment, so this text was not used.")
        try:
            question = self._service.asked(self.run_id, self._user_id, uuid) or _question(body)
            value = read_plain_answer(question, text)
            await self._service.answer(self.run_id, self._user_id, uuid, value)
        except (InvalidRequest, StoreUnavailable, TooLarge) as error:
            return [self.refusal(error.detail), _frame(body)]
        except RequestError:
            self._open.pop(uuid, None)
            raise
        self._open.pop(uuid, None)
        return []

    def refusal(self, sentence: str) -> str:
        return _error(self.run_id, sentence)


_samples = [parse_message({"type": cls.model_fields["type"].default}) for cls in message_classes()]
PLAIN = {
    sample.type
    for sample in _samples
    if to_v1(sample) is sample and not sample.is_question and sample.v2_fields.isdisjoint(sample.wire()["content"])
}
"""Types that a v1 client is sent as they stand in the log."""
INTERRUPTED = '"interrupted":true}}'
"""The end of a text message that says more than a v1 client knows."""
QUESTIONS = {sample.type for sample in _samples if sample.is_question}
ANSWERED = InputAnswered.model_fields["type"].default
NO_DEADLINE = ',"deadline":null}}'
"""The end of a question without what a v1 client does not know."""
_decode = json.JSONDecoder().raw_decode


def _frame(body: str) -> str:
    """A question as a v1 client is sent it."""
    return f"{body[: -len(NO_DEADLINE)]}}}}}" if body.endswith(NO_DEADLINE) else v1_json(parse_message(body)) or ""


def _question(body: str) -> Question:
    message = parse_message(body)
    assert isinstance(message, Question)
    return message


def _text_after(name: str, body: str) -> str:
    """The text that follows the first `name`, with its quotes: none of another text can be taken for these."""
    text: str = _decode(body, body.index(name) + len(name))[0]
    return text


def _error(run_id: str, sentence: str) -> str:
    return Error(workflow_uuid=run_id, sender="Workflow", recipient="User", short=sentence).model_dump_json()


def _text(sender: str | None, recipient: str | None, body: str | None, run_id: str) -> str:
    return TextMessage(sender=sender, recipient=recipient, body=body, workflow_uuid=run_id).model_dump_json()


def _shown(value: str | list[str] | None) -> str:
    if value is None:
        return "••••••"
    return value if isinstance(value, str) else ", ".join(value)
