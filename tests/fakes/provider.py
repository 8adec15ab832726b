"""A provider without a backend: runs scripts in threads and keeps everything in memory.

It obeys the contract of `fastagency_shared.provider.Provider` to the letter, so that whatever is developed against it
works with the real ones. A script stands for a workflow: a function that gets a `FakeRun` and returns the result.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastagency_shared.answer import Answer, check_answer
from fastagency_shared.errors import (
    AlreadyAnswered,
    BackendUnreachable,
    Conflict,
    InvalidRequest,
    StaleCursor,
    UnknownQuestion,
    UnknownRun,
    UnknownWorkflow,
)
from fastagency_shared.fault import describe
from fastagency_shared.messages import (
    InputAnswered,
    LoggedMessage,
    Question,
    RunStatusChanged,
    TextChunk,
    TextInput,
    TextMessage,
    TransientMessage,
    WorkflowCancelled,
    WorkflowCompleted,
    WorkflowFailed,
    WorkflowResumed,
    WorkflowStarted,
    new_uuid,
)
from fastagency_shared.provider import ANYBODY, Caller
from fastagency_shared.run import MessagePage, RenameRequest, RunInfo, RunStatus, WorkflowInfo
from fastagency_shared.under_way import UnderWay
from pydantic import ValidationError

Script = Callable[["FakeRun"], str]
Frame = LoggedMessage | TransientMessage

logger = logging.getLogger(__name__)


class Stopped(BaseException):
    """Unwinds the thread of a script whose run has been cancelled or deleted."""


@dataclass(frozen=True)
class FakeWorkflow:
    description: str
    script: Script


@dataclass
class FakeRun:
    """One run: its log, and what a script may do with it. `changed` guards every field."""

    id: str
    name: str
    owner: str | None
    params: dict[str, Any]
    title: str
    created_at: datetime
    changed: threading.Condition = field(default_factory=threading.Condition)
    status: RunStatus = RunStatus.RUNNING
    result: str | None = None
    log: list[LoggedMessage] = field(default_factory=list)
    feed: list[Frame] = field(default_factory=list)
    open: dict[str, Question] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    under_way: UnderWay = field(default_factory=UnderWay)
    parent: str | None = None
    epoch: int = 0
    past: list[LoggedMessage] = field(default_factory=list)
    """What the script of a forked run says and asks again, and nobody hears."""

    def emit(self, message: LoggedMessage) -> LoggedMessage:
        """Append one message to the log."""
        with self.changed:
            self._check_running()
            return self.past.pop(0) if self.past else self.append(message)

    def chunk(self, chunk: TextChunk) -> None:
        """Send one transient piece of text."""
        with self.changed:
            self._check_running()
            self._send(self.under_way.add(chunk.model_copy(update={"workflow_uuid": self.id})))

    def ask(self, question: Question) -> Answer:
        """Ask a person and wait for the answer."""
        with self.changed:
            self._check_running()
            uuid = question.uuid
            if self.past:
                uuid = self.past.pop(0).uuid
                if self.past and isinstance(self.past[0], InputAnswered):
                    self.past.pop(0)
            else:
                self.open[uuid] = question
                self.append(question)
                self._set_status(RunStatus.WAITING)
            self.changed.wait_for(lambda: uuid in self.answers or self.status.ended)
            self._check_running()
            return self.answers[uuid]

    def pause(self, seconds: float) -> None:
        """Let time pass, as a model does; ends at once when the run is cancelled."""
        with self.changed:
            self.changed.wait_for(lambda: self.status.ended, timeout=seconds)
            self._check_running()

    def record_answer(self, question_id: str, value: Answer) -> None:
        with self.changed:
            if question_id in self.answers:
                raise AlreadyAnswered("Somebody has already answered this question; the first answer counts.")
            question = self.open.get(question_id)
            if question is None:
                raise UnknownQuestion(f"This conversation has no open question {question_id!r}.")
            checked = check_answer(question, value)
            del self.open[question_id]
            self.answers[question_id] = checked
            secret = isinstance(question, TextInput) and question.password
            self.append(InputAnswered(question=question_id, value=None if secret else checked))
            self._set_status(RunStatus.WAITING if self.open else RunStatus.RUNNING)

    def end(self, status: RunStatus, last: LoggedMessage, result: str | None = None) -> None:
        with self.changed:
            if self.status.ended:
                return
            self.open.clear()
            self.result = result
            if status is not RunStatus.COMPLETED:
                for each in self.under_way.so_far():
                    self.append(TextMessage(sender=each.sender, body=each.delta, interrupted=True))
            self.append(last)
            self._set_status(status)

    def resume(self, by: str | None) -> bool:
        """Whether the run had failed: then it goes on, from the top of its script."""
        with self.changed:
            if self.status.ended and self.status is not RunStatus.FAILED:
                raise Conflict(f"Only a conversation that has failed can be tried again; this is {self.status.value}.")
            if not self.status.ended:
                return False
            self.append(WorkflowResumed(by=by))
            self._set_status(RunStatus.RUNNING)
            return True

    def fail_over(self, *, keep: int) -> None:
        """The newest messages are lost, and whoever follows is told so."""
        with self.changed:
            self.epoch += 1
            self.log = [each.model_copy(update={"epoch": self.epoch}) for each in self.log[:keep]]
            kept = {each.uuid for each in self.log}
            self.open = {uuid: question for uuid, question in self.open.items() if uuid in kept}
            self.changed.notify_all()

    def check_cursor(self, seq: int, epoch: int) -> None:
        if seq > 0 and epoch != self.epoch:
            raise StaleCursor

    def rename(self, title: str) -> None:
        try:
            request = RenameRequest(title=title)
        except ValidationError as error:
            raise InvalidRequest(f"{describe(error)}.") from None
        with self.changed:
            self.title = request.title
            self._send(self._status_message())

    def info(self) -> RunInfo:
        with self.changed:
            return RunInfo(
                workflow_uuid=self.id,
                name=self.name,
                user_id=self.owner,
                params=self.params,
                status=self.status,
                title=self.title,
                result=self.result,
                created_at=self.created_at,
                updated_at=(self.log[-1].at if self.log else None) or self.created_at,
                last_seq=len(self.log),
                epoch=self.epoch,
                parent=self.parent,
                questions=list(self.open.values()),
            )

    def append(self, message: LoggedMessage) -> LoggedMessage:
        stamped = message.model_copy(
            update={"workflow_uuid": self.id, "seq": len(self.log) + 1, "at": datetime.now(UTC), "epoch": self.epoch},
        )
        self.log.append(stamped)
        self.under_way.end(message.sender)
        self._send(stamped)
        return stamped

    def _check_running(self) -> None:
        if self.status.ended:
            raise Stopped

    def _set_status(self, status: RunStatus) -> None:
        self.status = status
        self._send(self._status_message())

    def _status_message(self) -> RunStatusChanged:
        return RunStatusChanged(workflow_uuid=self.id, status=self.status, title=self.title)

    def _send(self, frame: Frame) -> None:
        self.feed.append(frame)
        self.changed.notify_all()


class FakeProvider:
    """Implements `fastagency_shared.provider.Provider` in memory. While `down` is true, nobody can be asked."""

    def __init__(self, workflows: Mapping[str, FakeWorkflow]) -> None:
        self.down = False
        self._workflows = dict(workflows)
        self._runs: dict[str, FakeRun] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        self._check_up()
        return list(self._workflows)

    def get_description(self, name: str) -> str:
        self._check_up()
        return self._workflow(name).description

    def workflows(self, caller: Caller = ANYBODY) -> list[WorkflowInfo]:
        self._check_up()
        return [WorkflowInfo(name=name, description=flow.description) for name, flow in self._workflows.items()]

    def start(
        self, name: str, params: Mapping[str, Any], *, run_id: str | None = None, caller: Caller = ANYBODY
    ) -> RunInfo:
        self._check_up()
        flow = self._workflow(name)
        wanted = (name, dict(params), caller.user_id)
        with self._lock:
            run = self._runs.get(run_id or "")
            if run is not None:
                if (run.name, run.params, run.owner) != wanted:
                    raise Conflict(f"The id {run_id} belongs to another conversation; take a new one.")
                return run.info()
            run = FakeRun(run_id or new_uuid(), name, caller.user_id, dict(params), name, datetime.now(UTC))
            self._runs[run.id] = run
        run.emit(WorkflowStarted(name=name, description=flow.description, params=dict(params)))
        _begin(run, flow)
        return run.info()

    def runs(self, *, limit: int = 50, before: str | None = None, caller: Caller = ANYBODY) -> list[RunInfo]:
        self._check_up()
        with self._lock:
            mine = [run for run in self._runs.values() if run.owner == caller.user_id]
        mine.reverse()
        if before is not None:
            ids = [run.id for run in mine]
            mine = mine[ids.index(before) + 1 :] if before in ids else []
        return [run.info() for run in mine[:limit]]

    def run(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        return self._own(run_id, caller).info()

    def messages(
        self,
        run_id: str,
        *,
        after: int = 0,
        limit: int = 200,
        before: int | None = None,
        epoch: int | None = None,
        caller: Caller = ANYBODY,
    ) -> MessagePage:
        run = self._own(run_id, caller)
        with run.changed:
            if before is None or epoch is not None:
                run.check_cursor(after if before is None else before, epoch or 0)
            if before is None:
                found = run.log[after : after + limit]
                more = len(run.log) > after + limit
            else:
                older = run.log[: max(before - 1, 0)]
                found = older[-limit:]
                more = len(older) > limit
            return MessagePage(run=run.info(), messages=list(found), more=more)

    def follow(
        self, run_id: str, *, after: int = 0, beat_s: float = 5.0, epoch: int = 0, caller: Caller = ANYBODY
    ) -> Iterator[LoggedMessage | TransientMessage | None]:
        run = self._own(run_id, caller)
        with run.changed:
            run.check_cursor(after, epoch)
            epoch = run.epoch
            batch: list[Frame] = [*run.log[after:], *run.under_way.so_far()]
            position = len(run.feed)
            ended = run.status.ended
        while True:
            yield from batch
            if ended:
                return
            deadline = time.monotonic() + beat_s
            with run.changed:
                while position == len(run.feed) and not run.status.ended and time.monotonic() < deadline:
                    run.check_cursor(1, epoch)
                    run.changed.wait(max(deadline - time.monotonic(), 0))
                run.check_cursor(1, epoch)
                batch, position = run.feed[position:], len(run.feed)
                ended = run.status.ended
            self._check_up()
            if not batch and not ended:
                yield None

    def fail_over(self, run_id: str, *, keep: int) -> None:
        """The backend's database fails over, and has only the first messages of this run."""
        self._runs[run_id].fail_over(keep=keep)

    def answer(self, run_id: str, question: str, value: Answer, *, caller: Caller = ANYBODY) -> None:
        self._own(run_id, caller).record_answer(question, value)

    def cancel(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        run = self._own(run_id, caller)
        run.end(RunStatus.CANCELLED, WorkflowCancelled(reason="Stopped by the user."))
        return run.info()

    def retry(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        run = self._own(run_id, caller)
        if run.resume(caller.user_id):
            _begin(run, self._workflow(run.name))
        return run.info()

    def fork(self, run_id: str, before: str, *, caller: Caller = ANYBODY) -> RunInfo:
        """Plays the script again with the answers that were given before the question."""
        run = self._own(run_id, caller)
        with run.changed:
            place = next((i for i, each in enumerate(run.log) if each.is_question and each.uuid == before), None)
            if place is None:
                raise UnknownQuestion(f"This conversation has no question {before!r}.")
            copied = run.log[: place + 1]
            answered = {each.question for each in copied if isinstance(each, InputAnswered)}
            answers = {uuid: value for uuid, value in run.answers.items() if uuid in answered}
        forked = FakeRun(new_uuid(), run.name, run.owner, run.params, run.title, datetime.now(UTC), parent=run.id)
        forked.past, forked.answers, forked.status = copied[1:], answers, RunStatus.WAITING
        with forked.changed:
            for message in copied:
                forked.append(message)
        forked.open[before] = copied[-1]  # type: ignore[assignment]
        with self._lock:
            self._runs[forked.id] = forked
        _begin(forked, self._workflow(run.name))
        return forked.info()

    def rename(self, run_id: str, title: str, *, caller: Caller = ANYBODY) -> RunInfo:
        run = self._own(run_id, caller)
        run.rename(title)
        return run.info()

    def delete(self, run_id: str, *, caller: Caller = ANYBODY) -> None:
        run = self._own(run_id, caller)
        run.end(RunStatus.CANCELLED, WorkflowCancelled(reason="Deleted by the user."))
        with self._lock:
            self._runs.pop(run_id, None)

    def _check_up(self) -> None:
        if self.down:
            raise BackendUnreachable("The backend at http://127.0.0.1:8008 cannot be reached. Is it running?")

    def _workflow(self, name: str) -> FakeWorkflow:
        flow = self._workflows.get(name)
        if flow is None:
            raise UnknownWorkflow.named(name, self._workflows)
        return flow

    def _own(self, run_id: str, caller: Caller) -> FakeRun:
        self._check_up()
        with self._lock:
            run = self._runs.get(run_id)
        if run is None or run.owner != caller.user_id:
            raise UnknownRun(f"There is no conversation {run_id!r}.")
        return run


def _begin(run: FakeRun, flow: FakeWorkflow) -> None:
    threading.Thread(target=_play, args=(run, flow.script), name=f"fake-run-{run.id}", daemon=True).start()


def _play(run: FakeRun, script: Script) -> None:
    try:
        run.end(RunStatus.COMPLETED, WorkflowCompleted(result=(result := script(run))), result)
    except Stopped:
        return
    except Exception:
        logger.info("The script of run %s failed, as some do on purpose", run.id, exc_info=True)
        run.end(RunStatus.FAILED, WorkflowFailed(short="The workflow failed.", long="See the log of the backend."))
