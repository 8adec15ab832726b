"""Conversations with a backend that speaks only v1 of the protocol, the three routes of the guide.

Such a backend numbers nothing, keeps nothing and resumes nothing: a conversation is one WebSocket, and ends with it. So
a thread listens to each, and its log is in the memory of this process. Another process does not know of it.
"""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastagency_shared.answer import Answer, check_answer
from fastagency_shared.errors import (
    AlreadyAnswered,
    BackendUnreachable,
    Conflict,
    InvalidRequest,
    UnknownQuestion,
    UnknownRun,
)
from fastagency_shared.fault import describe
from fastagency_shared.messages import (
    Error,
    InputAnswered,
    KeepAlive,
    LoggedMessage,
    MultipleChoice,
    Question,
    TextInput,
    WorkflowCancelled,
    WorkflowCompleted,
    WorkflowFailed,
)
from fastagency_shared.run import InitiateRequest, MessagePage, RenameRequest, RunInfo, RunStatus
from pydantic import ValidationError
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection

from fastagency_frontend.client import errors
from fastagency_frontend.client.reading import read_message
from fastagency_frontend.client.socket import Address, connected, frame

MAX_RUNS = 1000
"""Of this process; the oldest that have ended are forgotten first."""

logger = logging.getLogger(__name__)


@dataclass
class V1Run:
    """One conversation. `changed` guards every field."""

    request: InitiateRequest
    address: Address
    shown_url: str
    title: str = ""
    status: RunStatus = RunStatus.RUNNING
    result: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    log: list[LoggedMessage] = field(default_factory=list)
    question: Question | None = None
    answered: set[str] = field(default_factory=set)
    socket: ClientConnection | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)

    # --- what a caller asks ---------------------------------------------------------------------------------------

    def info(self) -> RunInfo:
        with self.changed:
            return RunInfo(
                workflow_uuid=self.request.workflow_uuid,
                name=self.request.workflow_name,
                user_id=self.request.user_id,
                params=self.request.params,
                status=self.status,
                title=self.title or self.request.workflow_name,
                result=self.result,
                created_at=self.created_at,
                updated_at=self.updated_at,
                last_seq=len(self.log),
                questions=[self.question] if self.question is not None else [],
            )

    def page(self, after: int, limit: int, before: int | None) -> MessagePage:
        with self.changed:
            known = self.log[after:] if before is None else self.log[: max(before - 1, 0)]
            messages = known[:limit] if before is None else known[-limit:]
            return MessagePage(run=self.info(), messages=list(messages), more=len(known) > limit)

    def follow(self, after: int, beat_s: float) -> Iterator[LoggedMessage | None]:
        cursor = after
        while True:
            news, ended = self._news(cursor, beat_s)
            yield from news or (() if ended else (None,))
            cursor += len(news)
            if ended:
                return

    def _news(self, cursor: int, wait_s: float) -> tuple[list[LoggedMessage], bool]:
        with self.changed:
            self.changed.wait_for(lambda: len(self.log) > cursor or self.status.ended, wait_s)
            return self.log[cursor:], self.status.ended

    def answer(self, question_id: str, value: Answer) -> None:
        """Send an answer as the plain text that v1 expects, to the question that was asked last."""
        with self.changed:
            if question_id in self.answered:
                raise AlreadyAnswered("This question has been answered already; the first answer counts.")
            question = self.question
            if question is None or question.uuid != question_id or self.socket is None:
                raise UnknownQuestion("This conversation does not ask that at the moment.")
            checked = check_answer(question, value)
            try:
                self.socket.send(checked if isinstance(checked, str) else ",".join(checked))
            except ConnectionClosed:
                raise BackendUnreachable(
                    f"The backend at {self.shown_url} cut the connection, and the conversation ended with it."
                ) from None
            self.answered.add(question_id)
            self.question = None
            self.status = RunStatus.RUNNING
            secret = isinstance(question, TextInput) and question.password
            self._append(InputAnswered(question=question_id, value=None if secret else checked))

    def cancel(self) -> None:
        with self.changed:
            self._end(RunStatus.CANCELLED, WorkflowCancelled(reason="Stopped by the user."))
            connection = self.socket
        if connection is not None:
            connection.close()

    def rename(self, title: str) -> None:
        try:
            self.title = RenameRequest(title=title).title
        except ValidationError as error:
            raise InvalidRequest(f"{describe(error)}.") from None

    # --- the thread that listens ----------------------------------------------------------------------------------

    def listen(self) -> None:
        """Carry the messages of the WebSocket into the log until it is closed."""
        lost = "The backend closed the connection before the workflow had ended. It is too old to resume it."
        try:
            with connected(self.address) as connection:
                self._attach(connection)
                for data in connection:
                    self._receive(data)
                    if self.status.ended:
                        break
        except ConnectionClosed:
            logger.info("The connection of a v1 conversation was lost", extra={"run": self.request.workflow_uuid})
        except (OSError, WebSocketException) as error:
            lost = str(errors.of_exception(error, self.shown_url))
        except ValueError:
            lost = str(errors.not_fastagency(self.shown_url))
        with self.changed:
            self.socket = None
            self._end(RunStatus.FAILED, WorkflowFailed(short=lost))

    def _attach(self, connection: ClientConnection) -> None:
        """The first frame is the reply to `initiate_workflow`, but with our id: messages carry what this frame says."""
        request = self.request
        connection.send(
            frame(
                {
                    "name": request.workflow_name,
                    "workflow_uuid": request.workflow_uuid,
                    "user_id": request.user_id,
                    "params": request.params,
                }
            )
        )
        with self.changed:
            self.socket = connection
            stopped = self.status.ended
        if stopped:
            connection.close()

    def _receive(self, data: str | bytes) -> None:
        message = read_message(data)
        with self.changed:
            if self.status.ended or isinstance(message, KeepAlive):
                return
            match message:
                case WorkflowCompleted() if (short := self._failure(message)) is not None:
                    self._end(RunStatus.FAILED, WorkflowFailed(short=short))
                case WorkflowCompleted():
                    self.result = message.result
                    self._end(RunStatus.COMPLETED, message)
                case TextInput() | MultipleChoice():
                    # A plain text answers the latest question: an earlier one cannot be answered any more.
                    self.question = self._append(message)
                    self.status = RunStatus.WAITING
                case _:
                    self._append(message)

    def _failure(self, message: WorkflowCompleted) -> str | None:
        """The peer says "completed" of a workflow that failed, too; then the result repeats the error before it.

        An error that the workflow itself showed as its last message is no failure.
        """
        last = self.log[-1] if self.log else None
        short = last.short if isinstance(last, Error) else None
        return short if short and (message.result or "").startswith(short.removesuffix(".")) else None

    def _end(self, status: RunStatus, last: LoggedMessage) -> None:
        if self.status.ended:
            return
        self.status, self.question = status, None
        self._append(last)

    def _append(self, message: Any) -> Any:
        numbered = message.model_copy(
            update={
                "seq": len(self.log) + 1,
                "at": datetime.now(UTC),
                "workflow_uuid": self.request.workflow_uuid,
            }
        )
        self.log.append(numbered)
        self.updated_at = numbered.at
        self.changed.notify_all()
        return numbered


class V1Runs:
    """The v1 conversations of this process."""

    def __init__(self) -> None:
        self._runs: dict[str, V1Run] = {}
        self._lock = threading.Lock()

    def start(self, run: V1Run) -> V1Run:
        """Begin a conversation, or return the one that the same request began. Raises `Conflict`."""
        run_id = run.request.workflow_uuid
        with self._lock:
            known = self._runs.get(run_id)
            if known is not None:
                if known.request != run.request:
                    raise Conflict("This id belongs to another conversation; take a new one.")
                return known
            self._runs[run_id] = run
            self._forget_old()
        threading.Thread(target=run.listen, name=f"fastagency-v1-{run_id}", daemon=True).start()
        return run

    def find(self, run_id: str, user_id: str | None) -> V1Run | None:
        """The conversation of that id, if it is one of these. Raises `UnknownRun` when it is somebody else's."""
        with self._lock:
            run = self._runs.get(run_id)
        if run is not None and run.request.user_id != user_id:
            raise UnknownRun("There is no such conversation, or it is not yours.")
        return run

    def listed(self, limit: int, before: str | None, user_id: str | None) -> list[RunInfo]:
        """The conversations of a user, newest first."""
        with self._lock:
            mine = [run for run in reversed(self._runs.values()) if run.request.user_id == user_id]
        if before is not None:
            ids = [run.request.workflow_uuid for run in mine]
            mine = mine[ids.index(before) + 1 :] if before in ids else []
        return [run.info() for run in mine[:limit]]

    def forget(self, run: V1Run) -> None:
        run.cancel()
        with self._lock:
            self._runs.pop(run.request.workflow_uuid, None)

    def _forget_old(self) -> None:
        ended = (run_id for run_id, run in self._runs.items() if run.status.ended)
        for run_id in list(ended)[: max(len(self._runs) - MAX_RUNS, 0)]:
            del self._runs[run_id]
