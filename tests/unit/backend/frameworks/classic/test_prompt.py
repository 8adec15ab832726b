from __future__ import annotations

from typing import Any

import pytest
from autogen import ConversableAgent, GroupChat
from autogen.io.base import IOStream
from fastagency_backend.frameworks.classic.prompt import rewrite


class Terminal:
    """An `IOStream` that notes what it is asked."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def send(self, message: Any) -> None:
        pass

    def print(self, *objects: Any, sep: str = " ", end: str = "\n", flush: bool = False) -> None:
        pass

    def input(self, prompt: str = "", *, password: bool = False) -> str:
        self.prompts.append(prompt)
        return ""


def asked(mode: str, *, max_replies: int = 100, text: str = "hello") -> str:
    agent = ConversableAgent("ann", human_input_mode=mode, llm_config=False, max_consecutive_auto_reply=max_replies)  # type: ignore[arg-type]
    other = ConversableAgent("bob", human_input_mode="NEVER", llm_config=False)
    terminal = Terminal()
    with IOStream.set_default(terminal):
        agent.check_termination_and_human_reply(messages=[{"role": "user", "content": text}], sender=other)
    (prompt,) = terminal.prompts
    return prompt


SKIPPABLE = [lambda: asked("ALWAYS"), lambda: asked("TERMINATE", max_replies=0)]
ENDING = [lambda: asked("TERMINATE", text="TERMINATE"), lambda: asked("TERMINATE", max_replies=0, text="TERMINATE")]


@pytest.mark.parametrize("prompt", [*SKIPPABLE, *ENDING])
def test_no_prompt_of_the_framework_speaks_of_keys(prompt: Any) -> None:
    text = rewrite(prompt()).text
    assert "bob" in text
    assert "enter" not in text.lower()


@pytest.mark.parametrize("prompt", SKIPPABLE)
def test_skip_stands_for_the_empty_reply(prompt: Any) -> None:
    question = rewrite(prompt())
    assert question.suggestions == ("skip", "exit")
    assert question.read("skip") == question.read(" Skip ") == question.read("") == ""
    assert question.read(" EXIT ") == "exit"
    assert question.read("skip it") == "skip it"


@pytest.mark.parametrize("prompt", ENDING)
def test_a_prompt_at_the_end_offers_no_skip(prompt: Any) -> None:
    question = rewrite(prompt())
    assert question.suggestions == ("exit",)
    assert question.read("skip") == "skip"


def test_the_next_speaker_is_asked_for_by_number() -> None:
    terminal = Terminal()
    agents = [ConversableAgent(name, llm_config=False) for name in ("ann", "bob")]
    with IOStream.set_default(terminal):
        GroupChat(agents=agents, messages=[]).manual_select_speaker()
    question = rewrite(terminal.prompts[0])
    assert question.text.startswith("Who speaks next?")
    assert (question.read("skip"), question.read("2")) == ("", "2")


def test_an_application_s_own_prompt_stays() -> None:
    assert rewrite("Your name, please: ").text == "Your name, please"
    assert rewrite("Go on, or 'exit'?").suggestions == ("exit",)
    assert rewrite("Your name").read("skip") == "skip"
