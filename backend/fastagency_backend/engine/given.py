"""An answer that a client gives, checked against its question, as it is recorded and told."""

from __future__ import annotations

import json
from dataclasses import dataclass

from fastagency_shared.answer import Answer, check_answer
from fastagency_shared.errors import TooLarge
from fastagency_shared.messages import InputAnswered, Question, TextInput
from fastagency_shared.run import MAX_TITLE_CHARS, RunStatus

from fastagency_backend.engine.limits import Limits, excess, size_of
from fastagency_backend.engine.nul import refuse_nul, without_nul
from fastagency_backend.engine.plain_question import answered_body
from fastagency_backend.engine.vault import Vault
from fastagency_backend.store.base import Answered


@dataclass(frozen=True, slots=True)
class Given:
    """`value` is the answer as it is stored, `body` the message that tells of it, `title` what it calls the run."""

    uuid: str
    value: str
    body: str
    title: str | None


def given(run_id: str, asked: Question, value: Answer, limits: Limits, vault: Vault) -> Given:
    """Raises `TooLarge`, or `InvalidRequest` for what is no answer to this question."""
    if (size := size_of(value)) > (limit := limits.max_answer_bytes):
        raise TooLarge(excess("The answer", size, limit, "max_answer_bytes"))
    refuse_nul("The answer", checked := check_answer(asked, value))
    hidden = is_hidden(asked)
    body = _body(run_id, asked, None if hidden else checked)
    titles = isinstance(asked, TextInput) and not hidden
    title = one_line(checked) if titles and isinstance(checked, str) else None
    return Given(asked.uuid, stored_answer(run_id, asked, checked, vault), body, title)


def _body(run_id: str, asked: Question, shown: Answer | None) -> str:
    if isinstance(asked, TextInput) and not isinstance(shown, list):
        body = answered_body(run_id, asked, shown)
        if body is not None:
            return body
    return InputAnswered(
        workflow_uuid=run_id, sender="User", recipient=asked.sender, question=asked.uuid, value=shown
    ).model_dump_json()


def is_hidden(question: Question) -> bool:
    """Whether nobody may read the answer but the workflow."""
    return isinstance(question, TextInput) and bool(question.password)


def stored_answer(run_id: str, asked: Question, value: Answer, vault: Vault) -> str:
    """The answer's JSON, which is sealed if nobody may read it."""
    text = json.dumps(value)
    return vault.seal(run_id, asked.uuid, text) if is_hidden(asked) else text


def status_after(answered: Answered) -> RunStatus:
    """What those who watch the run are told besides the answer. A run that is not driven yet is about to be."""
    return RunStatus.WAITING if answered.status is RunStatus.WAITING else RunStatus.RUNNING


def one_line(text: str) -> str:
    """A text as a title."""
    line = without_nul(" ".join(text.split()))
    return line if len(line) <= MAX_TITLE_CHARS // 2 else line[: MAX_TITLE_CHARS // 2 - 1].rstrip() + "…"
