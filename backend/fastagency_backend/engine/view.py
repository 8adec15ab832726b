"""How runs and events of the store look to a client."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from fastagency_shared.messages import LoggedMessage, MultipleChoice, TextInput, TransientMessage, parse_message
from fastagency_shared.run import MessagePage, RunInfo
from pydantic import TypeAdapter

from fastagency_backend.store.base import EventPage, RunRecord, StoredEvent

_question: TypeAdapter[TextInput | MultipleChoice] = TypeAdapter(TextInput | MultipleChoice)


def run_info(record: RunRecord, reason: str | None = None) -> RunInfo:
    """The run as `GET /runs/{id}` shows it."""
    return RunInfo(
        workflow_uuid=record.id,
        name=record.workflow,
        user_id=record.user_id,
        params=json.loads(record.params),
        status=record.status,
        title=record.title,
        result=record.result,
        created_at=_moment(record.created),
        updated_at=_moment(record.updated),
        last_seq=record.last_seq,
        epoch=record.epoch,
        parent=record.parent,
        reason=reason,
        questions=[_question.validate_json(body) for body in record.questions],
    )


def message_page(page: EventPage, reason: Callable[[RunRecord], str | None]) -> MessagePage:
    """A page of the log as `GET /runs/{id}/messages` shows it."""
    assert page.run is not None
    run = run_info(page.run, reason(page.run))
    return MessagePage(run=run, messages=[logged(event, run.epoch) for event in page.events], more=page.more)


def logged(event: StoredEvent, epoch: int = 0) -> LoggedMessage | TransientMessage:
    """The message of an event, with its `seq`, `at` and `epoch`."""
    return parse_message(event.body).model_copy(update={"seq": event.seq, "at": _moment(event.at), "epoch": epoch})


def wire_v2(event: StoredEvent, epoch: int = 0) -> str:
    """The event's JSON with `seq`, `at` and `epoch`, without taking it apart: the hot path of every follower."""
    of_epoch = f',"epoch":{epoch}' if epoch else ""
    return f'{event.body[:-1]},"seq":{event.seq},"at":"{_iso(event.at)}"{of_epoch}}}'


@lru_cache(maxsize=1000)
def _iso(seconds: float) -> str:
    """Kept for the next follower, who has the same events to send."""
    return _moment(seconds).isoformat().removesuffix("+00:00") + "Z"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
