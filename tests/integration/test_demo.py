"""The demo workflows, from their first message to their last, with the offline model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fastagency_backend.demo import wf
from fastagency_backend.demo.team_with_tool import loan_payment
from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.agentchat.offline import OfflineModel
from fastagency_shared.answer import Answer
from fastagency_shared.messages import (
    FunctionCallExecution,
    LoggedMessage,
    MultipleChoice,
    Question,
    SystemMessage,
    TextMessage,
)

from tests.fakes.engine import logged, running, start, watch


@pytest.fixture(autouse=True)
def quick_offline_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    config = OfflineModel(word_delay_s=0).dump_component().model_dump_json()
    monkeypatch.setenv("FASTAGENCY_MODEL_CONFIG", config)


async def play(name: str, path: Path, answer: Callable[[Question], Answer]) -> list[LoggedMessage]:
    async def body(run: Run) -> str | None:
        return await wf.specs[name].body(run)

    async with running(path / "runs.sqlite3", body) as engine:
        await start(engine)
        await watch(engine, answer=answer)
        return await logged(engine)


def test_the_workflows_have_names_and_descriptions_for_people() -> None:
    assert wf.names == ["simple_learning", "team_with_tool", "gallery"]
    assert all(wf.get_description(name).endswith(".") for name in wf.names)


async def test_the_learning_chat(tmp_path: Path) -> None:
    answers = iter(["Volcanoes", "Go on", "Ask my own question", "Why does lava glow?", "That is enough"])

    log = await play("simple_learning", tmp_path, lambda question: next(answers))

    notice = next(message for message in log if isinstance(message, SystemMessage))
    assert "Offline demo model" in str(notice.message["text"])
    said = [(m.sender, m.body or "") for m in log if isinstance(m, TextMessage)]
    assert [sender for sender, _ in said] == ["student", "teacher"] * 6
    assert any("Volcanoes" in body for _, body in said)
    assert any("Why does lava glow?" in body for sender, body in said if sender == "teacher")
    assert log[-1].type == "workflow_completed"


async def test_the_team_with_a_tool(tmp_path: Path) -> None:
    answers = iter(["A loan of 1200 at 0 percent over 1 years", "A loan of 100000 at 5 percent over 10 years", ""])

    log = await play("team_with_tool", tmp_path, lambda question: next(answers))

    results = [message.retval for message in log if isinstance(message, FunctionCallExecution)]
    assert [str(result).split()[0] for result in results] == ["100.00", "1,060.66"]
    assert log[-1].wire()["content"] == {"result": "Questions answered: 2"}


async def test_the_calculator_refuses_what_is_no_loan() -> None:
    with pytest.raises(ValueError, match="above zero"):
        await loan_payment(0, 3, 10)


async def test_the_gallery_shows_every_message_that_a_workflow_can_send(tmp_path: Path) -> None:
    def answer(question: Question) -> Answer:
        if isinstance(question, MultipleChoice):
            return question.choices[:1] if question.single else question.choices[1:3]
        return "pa55word" if question.password else "Ada"

    log = await play("gallery", tmp_path, answer)

    every = {cls.model_fields["type"].default for cls in LoggedMessage.__args__}
    assert every - {message.type for message in log} == {
        "workflow_failed",
        "workflow_resumed",
        "workflow_cancelled",
        "question_expired",
    }
    assert "pa55word" not in "".join(message.model_dump_json() for message in log)
