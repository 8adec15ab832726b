"""What AgentChat does for a message that is replayed, and nobody needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core._telemetry import MessageRuntimeTracingConfig
from fastagency_backend.frameworks.agentchat.offline import OfflineModel
from fastagency_backend.workflow import AsyncUI

from tests.fakes.lab import Lab

TURNS = 6


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path / "runs.sqlite3")
    yield lab
    await lab.close()


async def test_a_replay_has_no_spans_of_messages_that_nobody_sends(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    spans: list[str] = []
    named = MessageRuntimeTracingConfig.get_span_name

    def name(*args: Any) -> str:
        spans.append(named(*args))
        return spans[-1]

    monkeypatch.setattr(MessageRuntimeTracingConfig, "get_span_name", name)

    @lab.wf.register("team", "Two agents who talk, and a question")
    async def team(ui: AsyncUI, params: dict[str, Any]) -> str:
        agents = [AssistantAgent(name, OfflineModel(word_delay_s=0.0)) for name in ("writer", "critic")]
        chat = RoundRobinGroupChat(agents, termination_condition=MaxMessageTermination(TURNS + 1))  # type: ignore[arg-type]
        await ui.process(chat.run_stream(task="Talk."))
        return await ui.text_input(prompt="Enough?")

    engine = await lab.engine(warm_s=0.0)
    await lab.start(engine, "team")
    await lab.parked(engine)
    of_the_talk = len(spans)
    assert of_the_talk > 10 * TURNS
    said = await lab.texts(engine)

    await lab.answer(engine, "yes")
    assert await lab.completed(engine) == "yes"
    assert await lab.texts(engine) == said
    replayed = len(spans) - of_the_talk
    assert 0 < replayed < of_the_talk / 3, "those after the last result that is recorded are all there are"
