"""Answers: a bad one is refused with a sentence, a good one is recorded in one form."""

from __future__ import annotations

import json
from random import Random

import pytest
from fastagency_shared.answer import MAX_ANSWER_CHARS, Answer, check_answer, read_plain_answer
from fastagency_shared.connection import read_client_frame
from fastagency_shared.errors import InvalidRequest
from fastagency_shared.messages import MultipleChoice, TextInput
from fastagency_shared.run import AnswerRequest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.strategies import several_choices, texts

ONE = MultipleChoice(choices=["tea", "coffee", "tea, please"])
MANY = MultipleChoice(choices=["tea", "coffee", "milk, warm", "milk"], single=False)
answers = texts | st.lists(texts, max_size=4)


@given(texts)
def test_any_text_answers_a_text_question(text: str) -> None:
    assert check_answer(TextInput(), text) == text
    assert read_plain_answer(TextInput(), text) == text


def test_suggestions_do_not_limit_the_answer() -> None:
    assert check_answer(TextInput(suggestions=["maths"]), "biology") == "biology"


def test_a_list_is_no_text() -> None:
    with pytest.raises(InvalidRequest, match="must be text"):
        check_answer(TextInput(), ["a"])


def test_a_text_that_is_too_long_is_refused_with_both_numbers() -> None:
    assert check_answer(TextInput(), "x" * MAX_ANSWER_CHARS)
    with pytest.raises(InvalidRequest, match=f"{MAX_ANSWER_CHARS + 1} characters.* {MAX_ANSWER_CHARS}"):
        check_answer(TextInput(), "x" * (MAX_ANSWER_CHARS + 1))


@pytest.mark.parametrize("half", ["\ud83d", "smile \ude00!"])
def test_half_a_character_is_refused(half: str) -> None:
    """What JavaScript makes of a cut emoji: JSON can carry it, no text can, so it could be neither stored nor sent."""
    with pytest.raises(InvalidRequest, match="half a character"):
        check_answer(TextInput(), half)


@pytest.mark.parametrize("value", ["tea", ["tea"]])
def test_one_choice_is_text(value: Answer) -> None:
    assert check_answer(ONE, value) == "tea"


@pytest.mark.parametrize("value", ["", "Tea", "tea ", [], ["tea", "coffee"], ["wine"], "tea,coffee"])
def test_what_is_not_one_of_the_choices_is_refused_and_they_are_named(value: Answer) -> None:
    with pytest.raises(InvalidRequest, match="Choose one of: 'tea', 'coffee', 'tea, please'"):
        check_answer(ONE, value)


def test_a_long_wrong_answer_is_not_repeated_in_full() -> None:
    with pytest.raises(InvalidRequest) as raised:
        check_answer(ONE, "x" * 5000)
    assert len(str(raised.value)) < 250


@given(several_choices(), answers)
def test_what_is_accepted_is_a_subset_in_the_order_of_the_choices(question: MultipleChoice, value: Answer) -> None:
    given_items = [value] if isinstance(value, str) else value
    try:
        accepted = check_answer(question, value)
    except InvalidRequest:
        assert not set(given_items) <= set(question.choices)
    else:
        assert accepted == [choice for choice in question.choices if choice in given_items]


NAMED_LIKE_A_LIST = MultipleChoice(choices=["[]", '["a"]', "a"], single=False)


@given(several_choices(), st.randoms(use_true_random=False))
@example(MultipleChoice(choices=["[]"], single=False), Random(2)).via("the list of nothing is the choice's name")
@example(NAMED_LIKE_A_LIST, Random(2))
def test_any_subset_in_any_order_is_accepted(question: MultipleChoice, random: object) -> None:
    chosen = [choice for choice in question.choices if random.random() < 0.5]  # type: ignore[attr-defined]
    shuffled = sorted(chosen, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert check_answer(question, shuffled) == chosen
    assert read_plain_answer(question, json.dumps(shuffled)) == chosen


@given(several_choices(), texts)
def test_plain_text_is_read_or_refused_but_never_crashes(question: MultipleChoice, text: str) -> None:
    try:
        accepted = read_plain_answer(question, text)
    except InvalidRequest:
        return
    assert isinstance(accepted, list)
    assert set(accepted) <= set(question.choices)


@given(several_choices())
@example(MultipleChoice(choices=["[]"], single=False))
@example(NAMED_LIKE_A_LIST)
def test_a_single_choice_in_plain_text_is_that_choice(question: MultipleChoice) -> None:
    """But one that reads as a list of the choices: it is sent inside a list."""
    for choice in question.choices:
        assert read_plain_answer(question, json.dumps([choice])) == [choice]
        if not _is_a_list_of(question.choices, choice):
            assert read_plain_answer(question, choice) == [choice]


def _is_a_list_of(choices: list[str], text: str) -> bool:
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return isinstance(value, list) and all(item in choices for item in value)


def test_a_list_is_read_as_a_list_before_it_is_taken_for_a_name() -> None:
    assert read_plain_answer(NAMED_LIKE_A_LIST, "[]") == []
    assert read_plain_answer(NAMED_LIKE_A_LIST, '["a"]') == ["a"]
    assert read_plain_answer(NAMED_LIKE_A_LIST, '["[]"]') == ["[]"]
    assert read_plain_answer(MultipleChoice(choices=['["b"]'], single=False), '["b"]') == ['["b"]']


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("tea", ["tea"]),
        ("tea,coffee", ["tea", "coffee"]),
        (" coffee , tea ", ["tea", "coffee"]),
        ("milk, warm", ["milk, warm"]),
        ("milk, warm, tea", ["tea", "milk, warm"]),
        ("milk, tea", ["tea", "milk"]),
        ("milk, warm, milk", ["milk, warm", "milk"]),
        ('["milk, warm", "tea"]', ["tea", "milk, warm"]),
        ("", []),
        ("  ", []),
        ("tea,tea", ["tea"]),
    ],
)
def test_plain_text_of_several_choices(text: str, chosen: list[str]) -> None:
    assert read_plain_answer(MANY, text) == chosen


@pytest.mark.parametrize(
    "text", ["wine", "tea,wine", "[1, 2]", '["tea", 1]', '{"tea": 1}', "null", "1" * 5000, "tea,,"]
)
def test_plain_text_that_names_no_choice_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="not among the choices"):
        read_plain_answer(MANY, text)


@pytest.mark.parametrize("depth", [10, 100_000])
def test_deeply_nested_json_is_just_a_wrong_answer(depth: int) -> None:
    with pytest.raises(InvalidRequest):
        read_plain_answer(MANY, "[" * depth + "]" * depth)


def test_a_long_text_is_read_in_one_pass() -> None:
    """Cutting the rest off again at each comma stopped the event loop for a second: count what is looked at."""
    looked_at = 0

    class Counted(str):
        def strip(self, chars: str | None = None) -> Counted:
            return Counted(super().strip(chars))

        def __getitem__(self, key: object) -> str:
            nonlocal looked_at
            looked_at += 1
            assert isinstance(key, slice)
            assert key.stop is not None, "the rest of the text was copied"
            return super().__getitem__(key)

    assert read_plain_answer(MANY, Counted("tea, coffee, " * 5000 + "tea")) == ["tea", "coffee"]
    assert 0 < looked_at <= 10_001 * len(MANY.choices)


HUGE = [f"choice {number}" for number in range(30_000)]


def test_an_answer_has_only_so_many_items() -> None:
    with pytest.raises(ValidationError, match="has 1,000,000 items; the most is 20,000"):
        AnswerRequest(question="q", value=["x"] * 1_000_000)
    with pytest.raises(InvalidRequest, match="value: has 20,001 items"):
        read_client_frame(json.dumps({"type": "answer", "question": "q", "value": [1] * 20_001}))
    with pytest.raises(InvalidRequest, match="more than 20,000 items"):
        read_plain_answer(MultipleChoice(choices=["a", "b"], single=False), "a," * 50_000)


def test_many_choices_are_compared_in_no_time() -> None:
    """Each item with each choice would be 300 million comparisons."""
    question = MultipleChoice(choices=HUGE, single=False)
    assert check_answer(question, HUGE[::-3]) == [choice for choice in HUGE if choice in set(HUGE[::-3])]
    assert read_plain_answer(question, ",".join(HUGE[:9000])) == HUGE[:9000]


def test_a_refusal_lists_only_some_of_many_choices() -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_answer(MultipleChoice(choices=HUGE, single=False), ["no such choice"] * 9000)
    assert str(refused.value).endswith("'choice 19' and 29,980 more.")
    assert len(str(refused.value)) < 600
