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
from fastagency_shared.messages import InputExpired, Question

from fastagency_backend.engine.activity import Activity
from fastagency_backend.engine.alarm import Alarm
from fastagency_backend.engine.asked import Asked, Reached
from fastagency_backend.engine.body import body_of
from fastagency_backend.engine.given import Given, is_hidden, stored_answer
from fastagency_backend.engine.journal import Journal
from fastagency_backend.engine.limits import ExceedsLimit, size_of
from fastagency_backend.engine.outline import outline_of_message
from fastagency_backend.engine.recording import Results
from fastagency_backend.engine.strict import Request
from fastagency_backend.engine.vault import OF_THIS_PROCESS, Vault
from fastagency_backend.store.base import BLANKED, EXPIRED, Answered, QuestionRecord, RunLog

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deadline:
    """How long people have, from the first asking on; and what is taken for an answer then, if anything."""

    after_s: float
    default: Answer | None = None


class Questions:
    """Asks and waits, on the engine's loop."""

    def __init__(
        self, log: RunLog, journal: Journal, results: Results, activity: Activity, vault: Vault = OF_THIS_PROCESS
    ) -> None:
        self._known = log.questions
        self._journal, self._results, self._activity = journal, results, activity
        self._vault = vault
        self._open: dict[str, Asked] = {}

    async def ask(self, key: str, question: Question, deadline: Deadline | None) -> Answer:
        """Ask, or find what was asked before, and wait for the answer.

        Raises:
            QuestionExpired: nobody has answered before the deadline, and there is no default.
            ExceedsLimit: the question is too large.
            RunEvicted: this process must drop the run; the question stays open.
        """
        known = self._known.get(key)
        if known is not None and known.value == BLANKED and self._results.strict is None:
            known = None  # the run has ended meanwhile, and is tried again: so is the question
        if (strict := self._results.strict) is not None:
            if known is None:
                strict.refused(Request(key, outline_of_message(body_of(question))))
            else:
                strict.repeated(key)
        if known is not None and known.value is not None and known.order is not None:
            await self._results.give_out(key)
            return self._read(known.value, question, known.uuid)
        if strict is not None:
            await strict.wait()
        if known is not None:
            question = question.model_copy(update={"uuid": known.uuid})
        here = Asked(question, look=known is not None)
        self._open[question.uuid] = here
        try:
            value = await self._answer(key, here, known, deadline)
        finally:
            if self._open.get(question.uuid) is here:
                del self._open[question.uuid]
        return self._read(value, question, question.uuid)

    def look(self) -> None:
        """Somebody answered something (or may have, in another process): everyone who asks looks, once."""
        for here in self._open.values():
            here.look()

    @property
    def heard(self) -> bool:
        """Whether all who ask do nothing else than wait for what has not come yet."""
        return all(here.listens for here in self._open.values())

    def asked(self, uuid: str) -> Question | None:
        """An open question to which an answer may be given by `answer`."""
        here = self._open.get(uuid)
        return here.question if here is not None and here.listens and not self._results.replay.active else None

    async def answer(self, given: Given) -> bool | None:
        """Commit an answer that came to this process, and hand it to whoever waits. None: it is not taken any more.

        False: it is taken, and whoever drives the run from now on has to be told to look for it.

        Raises:
            StoreError: nothing has happened, and the question is open as before.
        """
        order, told = self._results.next_order(), False

        def taken(answered: Answered) -> None:
            nonlocal told
            self._journal.show_answer(answered, given.title)
            here = self._open.get(given.uuid)
            if answered.placed and here is not None and not self._results.bridge.closed:
                here.tell(Reached(given.value, order))
                told = True

        handed_over = time.monotonic()
        with self._activity.calling():
            answered = await self._journal.answer_question(given, order, taken)
        self._results.observer.committed(time.monotonic() - handed_over)
        return told if answered is not None else None

    # --- inside ---------------------------------------------------------------------------------------------------

    async def _answer(self, key: str, here: Asked, known: QuestionRecord | None, deadline: Deadline | None) -> str:
        """What is answered, in its turn."""
        if known is None:
            known = await self._ask(key, here, deadline)
        uuid, due = known.uuid, known.due
        self._journal.acquit()
        with self._activity.waiting():
            value, order = known.value, None
            if value is None:
                value, order = await self._wait(here, due, deadline.default if deadline else None)

        def note(order: int) -> asyncio.Future[None]:
            self._known[key] = QuestionRecord(uuid, value, order, due)  # for a step around it that is tried again
            return self._journal.note_answer(uuid, order)

        if order is None:
            await self._results.take(note)
        else:
            self._known[key] = QuestionRecord(uuid, value, order, due)
            await self._results.give_out_new()
        return value

    async def _ask(self, key: str, here: Asked, deadline: Deadline | None) -> QuestionRecord:
        question, due = here.question, None
        if deadline is not None:
            due = await self._journal.now() + deadline.after_s
            question = question.model_copy(update={"deadline": datetime.fromtimestamp(due, UTC)})
        body, limit = body_of(question), self._results.limits.max_message_bytes
        if (size := size_of(body)) > limit:
            remedy = "Ask in fewer words, and keep the rest elsewhere: a question may hold a link."
            raise ExceedsLimit.of("The question", size, limit, "max_message_bytes", remedy)
        asked = self._known[key] = QuestionRecord(question.uuid, None, None, due)  # also if the asker gives up now
        await self._journal.open_question(key, question.uuid, body, self._activity.touch(), due)
        return asked

    async def _wait(self, here: Asked, due: float | None, default: Answer | None) -> tuple[str, int | None]:
        """The answer, and its place if it has come with one."""
        alarm = None if due is None else Alarm(due, await self._journal.now())
        while True:
            if here.to_look_at():
                value = await self._journal.read_answer(here.question.uuid)
                if value is not None:
                    return value, None
            left_s = None if alarm is None else alarm.left_s(await self._journal.now())
            if left_s == 0:
                await self._expire(here.question, default)
                here.look()
            elif (reached := await here.listen(left_s)) is not None:
                return reached

    async def _expire(self, question: Question, default: Answer | None) -> None:
        """Close the question, unless somebody has answered by now: the store knows who was first."""
        message = InputExpired(
            workflow_uuid=question.workflow_uuid,
            sender=question.sender,
            recipient=question.recipient,
            question=question.uuid,
            value=None if is_hidden(question) else default,
        )
        run_id = self._results.run_id
        value = EXPIRED if default is None else stored_answer(run_id, question, default, self._vault)
        if await self._journal.expire_question(question.uuid, value, message.model_dump_json(), time.time()):
            logger.info("The deadline of a question has passed", extra={"run_id": self._results.run_id})

    def _read(self, value: str, question: Question, uuid: str) -> Answer:
        if value == EXPIRED:
            prompt = question.prompt or "a question without a prompt"
            raise QuestionExpired(f"Nobody has answered in time: {prompt!r}.")
        if value == BLANKED:
            return ""
        answer: Answer = json.loads(self._vault.open(self._results.run_id, uuid, value))
        return answer
