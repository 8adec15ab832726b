"""The learning chat: a student asks, a teacher explains, and the person decides each time how it goes on."""

from __future__ import annotations

from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat

from fastagency_backend.demo.notice import show_model
from fastagency_backend.workflow import AsyncUI

SUBJECTS = ["How cell membranes work", "Why the sky is blue", "Compound interest", "The French Revolution"]
GO_ON, ASK, FINISH = "Go on", "Ask my own question", "That is enough"
TURNS = 4
MAX_ROUNDS = 10


async def simple_learning(ui: AsyncUI, params: dict[str, Any]) -> str:
    """Ask for a subject, then let student and teacher talk, a few turns at a time. `params` may name the `subject`."""
    subject = str(params.get("subject") or "") or await ui.text_input(
        sender="Workflow",
        recipient="User",
        prompt="What would you like to learn about?",
        suggestions=SUBJECTS,
    )
    model = ui.model_client()
    await show_model(ui, model)
    team = RoundRobinGroupChat(
        [
            AssistantAgent(
                "student",
                model,
                description="A curious student",
                system_message="You are a student. Ask one short question at a time, and react to what you are told.",
                model_client_stream=True,
            ),
            AssistantAgent(
                "teacher",
                model,
                description="A patient teacher",
                system_message="You are a teacher. Explain step by step, with examples. If the user asks, answer them.",
                model_client_stream=True,
            ),
        ],
        max_turns=TURNS,
    )
    lesson = await ui.process(
        team.run_stream(task=f"I would like to learn about: {subject}", output_task_messages=False)
    )
    for _ in range(MAX_ROUNDS):
        task = await _next_task(ui)
        if task is None:
            break
        lesson = await ui.process(team.run_stream(task=task, output_task_messages=False))
    return lesson


async def _next_task(ui: AsyncUI) -> str | None:
    """What the team is to do next; None when the person has had enough."""
    choice = await ui.multiple_choice(
        sender="Workflow",
        recipient="User",
        prompt="How shall we go on?",
        choices=[GO_ON, ASK, FINISH],
        default=GO_ON,
    )
    if choice == FINISH:
        return None
    if choice == GO_ON:
        return "Please go on, a little deeper."
    question = await ui.text_input(sender="teacher", recipient="User", prompt="What would you like to ask?")
    return question or "Please go on."
