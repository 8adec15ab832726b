"""The offline model: labelled, repeatable, about the subject, and able to call a tool."""

from __future__ import annotations

import json
from typing import Any

import pytest
from autogen_core import FunctionCall
from autogen_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import FunctionTool
from fastagency_backend.demo.team_with_tool import loan_payment
from fastagency_backend.frameworks.agentchat.offline import OfflineModel
from fastagency_backend.frameworks.offline.talk import Scene, compose, subject_of
from fastagency_backend.frameworks.offline.tool import choose_call, find_arguments

LOAN = FunctionTool(loan_payment, description="Work out the monthly payment of a loan")
TEACHER = SystemMessage(content="You are a teacher. Explain things to the student.")


def asked(text: str) -> UserMessage:
    return UserMessage(content=text, source="user")


async def test_the_first_text_is_labelled_and_the_same_messages_give_the_same_text() -> None:
    messages: list[LLMMessage] = [TEACHER, asked("I would like to learn about: cell membranes")]

    first, again = [(await OfflineModel().create(messages)).content for _ in range(2)]

    assert first == again
    assert isinstance(first, str)
    assert first.startswith("*Offline demo model:*")
    assert "cell membranes" in first


async def test_a_later_text_is_another_one_without_a_label() -> None:
    messages: list[LLMMessage] = [TEACHER, asked("Teach me about tides")]
    texts = []
    for _ in range(8):
        content = (await OfflineModel().create(messages)).content
        assert isinstance(content, str)
        texts.append(content)
        messages += [AssistantMessage(content=content, source="teacher"), UserMessage(content="Yes?", source="student")]

    assert len(set(texts[:5])) == 5
    assert not any("Offline" in text for text in texts[1:])


async def test_it_streams_word_by_word_and_ends_with_the_whole() -> None:
    *words, result = [item async for item in OfflineModel(word_delay_s=0).create_stream([asked("Explain tides")])]

    assert isinstance(result, CreateResult)
    assert len(words) > 3
    assert "".join(map(str, words)).strip() == result.content
    assert result.usage.completion_tokens == len(words)


async def test_it_calls_the_tool_that_fits_and_reports_what_it_gave() -> None:
    model = OfflineModel()
    messages: list[LLMMessage] = [asked("What is the monthly payment of a loan of 250,000 at 3.6% over 25 years?")]

    calls = (await model.create(messages, tools=[LOAN])).content

    assert isinstance(calls[0], FunctionCall)
    assert json.loads(calls[0].arguments) == {"amount": 250000, "percent": 3.6, "years": 25}
    result = FunctionExecutionResult(content="1,265.01", name="loan_payment", call_id=calls[0].id, is_error=False)
    messages += [
        AssistantMessage(content=[calls[0]], source="adviser"),
        FunctionExecutionResultMessage(content=[result]),
    ]
    assert "1,265.01" in str((await model.create(messages, tools=[LOAN])).content)


@pytest.mark.parametrize(
    ("request_", "said"),
    [("I want a loan", "I need to be told: amount, percent, years"), ("Tell me about the sea", "the sea")],
)
async def test_without_the_numbers_or_a_fitting_tool_it_talks(request_: str, said: str) -> None:
    assert said in str((await OfflineModel().create([asked(request_)], tools=[LOAN])).content)


async def test_no_tool_is_called_when_none_may_be_and_one_when_one_must() -> None:
    request = asked("Greetings 1 2 3")
    assert isinstance((await OfflineModel().create([request], tools=[LOAN], tool_choice="none")).content, str)
    assert isinstance((await OfflineModel().create([request], tools=[LOAN], tool_choice="required")).content, list)


async def test_json_is_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match="configure a model"):
        await OfflineModel().create([asked("x")], json_output=True)


CONVERT = {
    "name": "convert",
    "description": "Convert a length from one unit to another",
    "parameters": {
        "properties": {
            "value": {"type": "number"},
            "source_unit": {"enum": ["km", "miles"]},
            "target_unit": {"enum": ["km", "miles"]},
            "exact": {"type": "boolean"},
            "note": {"type": "string"},
        },
        "required": ["value", "source_unit", "target_unit"],
    },
}


@pytest.mark.parametrize(
    ("request_", "arguments"),
    [
        (
            'Convert 12.5 miles to km, exact, "for Ada"',
            {"value": 12.5, "source_unit": "miles", "target_unit": "km", "exact": True, "note": "for Ada"},
        ),
        ("Convert miles to km", None),
        ("Convert 3 km", None),
    ],
)
def test_arguments_are_found_by_the_schema(request_: str, arguments: dict[str, Any] | None) -> None:
    assert find_arguments(request_, CONVERT["parameters"]) == arguments  # type: ignore[arg-type]
    call = choose_call(request_, [CONVERT])
    assert (call and call[1]) == arguments


def test_dates_go_to_dates() -> None:
    schema = {"properties": {"start_date": {"type": "string"}, "days": {"type": "integer"}}, "required": ["days"]}
    assert find_arguments("20 days after 2026-02-01", schema) == {"start_date": "2026-02-01", "days": 20}


@pytest.mark.parametrize(
    ("task", "subject"),
    [
        ("I would like to learn about: Cell membranes", "Cell membranes"),
        ("Teach me compound interest.", "compound interest"),
        ("Photosynthesis", "Photosynthesis"),
        ("What is this?", "your question"),
        ("", "this subject"),
        ("learn about {0.__class__}", "(0"),
    ],
)
def test_the_subject_is_taken_from_the_task(task: str, subject: str) -> None:
    assert subject_of(task) == subject


def test_a_persons_question_is_taken_up() -> None:
    scene = Scene(instructions="You are a teacher", task="about tides", person="Why twice a day?", turn=2, seed="x")
    assert compose(scene).startswith("“Why twice a day?” I take that up.")


def test_the_client_can_be_configured_as_a_component() -> None:
    again = OfflineModel.load_component(OfflineModel(word_delay_s=0.5).dump_component())
    assert again.dump_component().config == {"word_delay_s": 0.5}
