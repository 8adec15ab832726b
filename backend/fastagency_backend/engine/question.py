"""Questions of a run to people: open until they are answered, by anybody, in any process."""

from __future__ import annotations

import asyncio
import json

from fastagency_shared.answer import Answer
from fastagency_shared.messages import RunStatusChanged
from fastagency_shared.run import RunStatus

from fastagency_backend.engine.activity import Activity
from fastagency_backend.engine.journal import Journal
from fastagency_backend.engine.outline import outline_of_message
from fastagency_backend.engine.recording import Results
from fastagency_backend.engine.strict import Request
from fastagency_backend.store.base import QuestionRecord, RunLog


class Questions:
    """Asks and waits, on the engine's loop."""

    def __init__(self, log: RunLog, journal: Journal, results: Results, activity: Activity) -> None:
        self._known = log.questions
        self._journal, self._results, self._activity = journal, results, activity
        self._answered = asyncio.Event()

    async def ask(self, key: str, uuid: str, body: str) -> Answer:
        """Ask, or find what was asked before, and wait for the answer.

        Raises:
            RunEvicted: this process must drop the run; the question stays open.
        """
        known = self._known.get(key)
        if (strict := self._results.strict) is not None:
            strict.refused(Request(key, outline_of_message(body))) if known is None else strict.repeated(key)
        if known is not None and known.value is not None and known.order is not None:
            await self._results.give_out(key)
            return _answer(known.value)
        if strict is not None:
            await strict.wait()
        if known is None:
            known = self._known[key] = QuestionRecord(uuid, None, None)
            await self._journal.open_question(key, uuid, body, self._activity.touch())
            self._journal.show(RunStatusChanged(workflow_uuid=self._results.run_id, status=RunStatus.WAITING))
        asked = known.uuid
        self._journal.acquit()
        with self._activity.waiting_for_person():
            value = known.value or await self._wait(asked)

        def note(order: int) -> asyncio.Future[None]:
            self._known[key] = QuestionRecord(asked, value, order)  # for a step around it that is tried again
            return self._journal.note_answer(asked, order)

        await self._results.take(note)
        return _answer(value)

    def look(self) -> None:
        """Somebody answered something (or may have, in another process): everyone who asks looks, once."""
        answered, self._answered = self._answered, asyncio.Event()
        answered.set()

    async def _wait(self, uuid: str) -> str:
        while True:
            answered = self._answered  # taken before looking: what comes while we look is not missed
            value = await self._journal.read_answer(uuid)
            if value is not None:
                return value
            await answered.wait()


def _answer(value: str) -> Answer:
    answer: Answer = json.loads(value)
    return answer
