"""What a v1 client is sent is cut out of the log's text: it is what the message's class would make of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from fastagency_backend.engine.service import RunService
from fastagency_backend.store.base import RunRecord, StoredEvent
from fastagency_backend.web.session import SessionV1
from fastagency_shared.errors import InvalidRequest
from fastagency_shared.messages import InputAnswered, MultipleChoice, Question, TextInput, v1_json
from fastagency_shared.run import RunStatus
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
TRAPS = st.sampled_from(['"', '\\"content":{"question":"x', ',"deadline":null}}', '"uuid":"x"', "\u2028", "\x7f"])
TEXTS = TEXT | TRAPS
QUESTIONS: st.SearchStrategy[Question] = st.one_of(
    st.builds(TextInput, uuid=TEXTS, sender=TEXTS, prompt=TEXTS, suggestions=st.lists(TEXTS), password=st.booleans()),
    st.builds(MultipleChoice, uuid=TEXTS, sender=TEXTS, prompt=TEXTS, choices=st.lists(TEXTS), default=TEXTS),
)
DEADLINES = st.none() | st.just(datetime(2030, 1, 1, tzinfo=UTC))


class Service:
    """Whoever takes the answers."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, Any]] = []
        self.here: Question | None = None

    def asked(self, _run_id: str, _user_id: str | None, uuid: str) -> Question | None:
        return self.here if self.here is not None and self.here.uuid == uuid else None

    async def answer(self, _run_id: str, _user_id: str | None, question: str, value: Any) -> None:
        self.answers.append((question, value))


def session(service: Service) -> SessionV1:
    record = RunRecord("r", "w", "{}", None, RunStatus.RUNNING, "t", None, True, None, 0, 0.0, 0.0)
    return SessionV1(cast(RunService, service), record, None)


@given(QUESTIONS, DEADLINES)
def test_a_question_is_sent_without_what_only_v2_knows(question: Question, deadline: datetime | None) -> None:
    question = question.model_copy(update={"deadline": deadline})
    (frame,) = session(Service()).outgoing([StoredEvent(1, 0.0, question.model_dump_json())])
    assert json.loads(frame) == json.loads(v1_json(question) or "")
    assert "deadline" not in json.loads(frame)["content"]


@given(TEXTS, TEXTS, st.booleans())
async def test_an_answer_is_for_the_oldest_question_that_is_open(first: str, second: str, here: bool) -> None:
    service = Service()
    client = session(service)
    asked = [TextInput(uuid=f"1{first}", prompt="?"), TextInput(uuid=f"2{second}", prompt="?")]
    service.here = asked[0] if here else None
    client.outgoing([StoredEvent(seq, 0.0, each.model_dump_json()) for seq, each in enumerate(asked, 1)])
    assert await client.incoming("yes") == []
    answered = InputAnswered(sender=second, question=asked[1].uuid, value="by somebody else")
    assert client.outgoing([StoredEvent(3, 0.0, answered.model_dump_json())]) == []
    assert service.answers == [(asked[0].uuid, "yes")]
    with pytest.raises(InvalidRequest, match="Nothing is asked"):
        await client.incoming("yes")
