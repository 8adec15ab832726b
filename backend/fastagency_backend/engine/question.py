"""Questions of a run to people: open until they are answered, by anybody, in any process, or until their deadline."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from fastagency_shared.answer import Answer
from fastagency_shared.errors import QuestionExpired
from fastagency_shared.messages import InputExpired, Question, RunStatusChanged, TextInput
from fastagency_shared.run import RunStatus

from fastagency_backend.engine.activity import Activity
from fastagency_backend.engine.alarm import Alarm
from fastagency_backend.engine.body import body_of
from fastagency_backend.engine.journal import Journal
from fastagency_backend.engine.limits import ExceedsLimit, size_of
from fastagency_backend.engine.outline import outline_of_message
from fastagency_backend.engine.recording import Results
from fastagency_backend.engine.strict import Request
from fastagency_backend.store.base import EXPIRED, QuestionRecord, RunLog

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deadline:
    """How long people have, from the first asking on; and what is taken for an answer then, if anything."""

    after_s: float
    default: Answer | None = None


class Questions:
    """Asks and waits, on the engine's loop."""

    def __init__(self, log: RunLog, journal: Journal, results: Results, activity: Activity) -> None:
        self._known = log.questions
        self._journal, self._results, self._activity = journal, results, activity
        self._answered = asyncio.Event()

    async def ask(self, key: str, question: Question, deadline: Deadline | None) -> Answer:
        """Ask, or find what was asked before, and wait for the answer.

        Raises:
            QuestionExpired: nobody has answered before the deadline, and there is no default.
            ExceedsLimit: the question is too large.
            RunEvicted: this process must drop the run; the question stays open.
        """
        known = self._known.get(key)
        if (strict := self._results.strict) is not None:
            if known is None:
                strict.refused(Request(key, outline_of_message(body_of(question))))
            else:
                strict.repeated(key)
        if known is not None and known.value is not None and known.order is not None:
            await self._results.give_out(key)
            return _answer(known.value, question)
        if strict is not None:
            await strict.wait()
        if known is None:
            known = self._known[key] = await self._open(key, question, deadline)
        asked, due = known.uuid, known.due
        question = question.model_copy(update={"uuid": asked})
        self._journal.acquit()
        with self._activity.waiting():
            value = known.value or await self._wait(question, due, deadline.default if deadline else None)

        def note(order: int) -> asyncio.Future[None]:
            self._known[key] = QuestionRecord(asked, value, order, due)  # for a step around it that is tried again
            return self._journal.note_answer(asked, order)

        await self._results.take(note)
        return _answer(value, question)

    def look(self) -> None:
        """Somebody answered something (or may have, in another process): everyone who asks looks, once."""
        answered, self._answered = self._answered, asyncio.Event()
        answered.set()

    async def _open(self, key: str, question: Question, deadline: Deadline | None) -> QuestionRecord:
        due = None
        if deadline is not None:
            due = await self._journal.now() + deadline.after_s
            question = question.model_copy(update={"deadline": datetime.fromtimestamp(due, UTC)})
        body, limit = body_of(question), self._results.limits.max_message_bytes
        if (size := size_of(body)) > limit:
            remedy = "Ask in fewer words, and keep the rest elsewhere: a question may hold a link."
            raise ExceedsLimit.of("The question", size, limit, "max_message_bytes", remedy)
        await self._journal.open_question(key, question.uuid, body, self._activity.touch(), due)
        self._show(RunStatus.WAITING)
        return QuestionRecord(question.uuid, None, None, due)

    async def _wait(self, question: Question, due: float | None, default: Answer | None) -> str:
        alarm = None if due is None else Alarm(due, await self._journal.now())
        while True:
            answered = self._answered  # taken before looking: what comes while we look is not missed
            value = await self._journal.read_answer(question.uuid)
            if value is not None:
                return value
            left_s = None if alarm is None else alarm.left_s(await self._journal.now())
            if left_s == 0:
                await self._expire(question, default)
                continue
            try:
                async with asyncio.timeout(left_s):
                    await answered.wait()
            except TimeoutError:
                continue

    async def _expire(self, question: Question, default: Answer | None) -> None:
        """Close the question, unless somebody has answered by now: the store knows who was first."""
        hidden = isinstance(question, TextInput) and question.password
        message = InputExpired(
            workflow_uuid=question.workflow_uuid,
            sender=question.sender,
            recipient=question.recipient,
            question=question.uuid,
            value=None if hidden else default,
        )
        value = EXPIRED if default is None else json.dumps(default)
        if await self._journal.expire_question(question.uuid, value, message.model_dump_json(), time.time()):
            logger.info("The deadline of a question has passed", extra={"run_id": self._results.run_id})
            self._show(RunStatus.RUNNING)

    def _show(self, status: RunStatus) -> None:
        self._journal.show(RunStatusChanged(workflow_uuid=self._results.run_id, status=status))


def _answer(value: str, question: Question) -> Answer:
    if value == EXPIRED:
        raise QuestionExpired(f"Nobody has answered in time: {(question.prompt or 'a question without a prompt')!r}.")
    answer: Answer = json.loads(value)
    return answer
