"""Each message becomes the row that its widget reads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fastagency_frontend.page.render import MAX_SHOWN_CHARS, pretty, to_row
from fastagency_shared.messages import (
    AnswerResult,
    Error,
    FunctionCallExecution,
    InputAnswered,
    KeepAlive,
    RunStatusChanged,
    SuggestedFunctionCall,
    SystemMessage,
    TextChunk,
    TextMessage,
    WorkflowStarted,
    message_classes,
)

SILENT = (KeepAlive, TextChunk, AnswerResult, RunStatusChanged)


@pytest.mark.parametrize("cls", message_classes())
def test_every_message_has_a_row_or_is_meant_to_have_none(cls: type) -> None:
    row = to_row(cls())
    assert (row is None) == (cls in SILENT)
    assert row is None or row["type"] == cls().type


def test_the_envelope_is_in_the_row() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    row = to_row(TextMessage(sender="a", recipient="b", body="*hi*", seq=3, at=at, uuid="u"))
    assert row == {
        "type": "text_message",
        "id": "u",
        "seq": 3,
        "at": "2026-01-02T03:04:05+00:00",
        "sender": "a",
        "recipient": "b",
        "body": "*hi*",
        "html": "<p><em>hi</em></p>\n",
    }


def test_a_password_is_not_in_its_row() -> None:
    row = to_row(InputAnswered(question="q", value=None))
    assert row is not None
    assert row["values"] is None


def test_answers_are_lists() -> None:
    for value, expected in [("one", ["one"]), (["a", "b"], ["a", "b"]), ([], [])]:
        row = to_row(InputAnswered(question="q", value=value))
        assert row is not None
        assert row["values"] == expected


def test_arguments_and_results_are_laid_out() -> None:
    call = to_row(SuggestedFunctionCall(function_name="f", call_id="1", arguments={"ä": [1]}))
    result = to_row(FunctionCallExecution(function_name="f", call_id="1", retval='{"a": 1}'))
    assert call is not None
    assert result is not None
    assert call["arguments"] == '{\n  "ä": [\n    1\n  ]\n}'
    assert result["result"] == '{\n  "a": 1\n}'
    assert call["call"] == result["call"]
    assert result["failed"] is False


def test_a_call_that_failed_says_so() -> None:
    row = to_row(FunctionCallExecution(function_name="f", call_id="1", retval={"error": "no"}, is_error=True))
    assert row is not None
    assert row["failed"] is True


@pytest.mark.parametrize(("value", "shown"), [("12", "12"), ("plain", "plain"), (None, "null"), ([1], "[\n  1\n]")])
def test_pretty(value: object, shown: str) -> None:
    assert pretty(value) == shown


def test_a_workflow_without_parameters_shows_none() -> None:
    row = to_row(WorkflowStarted(name="w"))
    assert row is not None
    assert row["params"] == ""


def test_a_notice_with_a_text_is_shown_as_text_and_any_other_as_it_is() -> None:
    text = to_row(SystemMessage(message={"heading": "Stop", "body": "*done*"}))
    other = to_row(SystemMessage(message={"reason": 1}))
    newer = to_row(SystemMessage(message={"type": "hologram", "body": "x"}))
    assert text is not None
    assert other is not None
    assert newer is not None
    assert (text["heading"], text["html"]) == ("Stop", "<p><em>done</em></p>\n")
    assert (other["heading"], other["details"]) == (None, '{\n  "reason": 1\n}')
    assert newer["heading"] == "hologram"
    assert "details" in newer


def test_the_text_of_a_notice_is_the_first_of_four_names_that_has_one() -> None:
    names = ["body", "message", "content", "text"]
    for at, name in enumerate(names):
        row = to_row(SystemMessage(message={**dict.fromkeys(names[:at], ""), **{each: each for each in names[at:]}}))
        assert row is not None
        assert row["body"] == name


def test_an_error_keeps_its_details_apart() -> None:
    row = to_row(Error(short="s", long="l"))
    assert row is not None
    assert (row["short"], row["long"]) == ("s", "l")


def test_a_text_that_is_too_long_is_cut_and_says_so() -> None:
    row = to_row(TextMessage(body="x" * (MAX_SHOWN_CHARS + 5)))
    assert row is not None
    assert row["body"].endswith("(5 more characters are not shown)")


def test_a_text_that_was_interrupted_says_so() -> None:
    rows = [to_row(TextMessage(body="Once", interrupted=cut)) for cut in (True, False)]
    assert [row.get("interrupted") for row in rows if row and row["type"] == "text_message"] == [True, None]


@pytest.mark.parametrize("value", ["[" * 2000, "[" * 50_000, '{"a":' * 3000, "[" + "9" * 5000 + "]"])
def test_what_looks_like_json_and_is_none_is_shown_as_it_is(value: str) -> None:
    row = to_row(FunctionCallExecution(function_name="f", call_id="1", retval=value))
    assert row is not None
    assert row["result"] == value


def test_a_value_that_cannot_be_laid_out_has_a_row_all_the_same() -> None:
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    assert pretty(deep).endswith("(more is not shown)")
    assert pretty({"n": 10**5000}).endswith("(this cannot be shown)")


def test_deep_json_is_not_made_larger_than_what_is_shown() -> None:
    layers = "[" * 400 + "]" * 400
    shown = pretty("[" + ",".join([layers] * (MAX_SHOWN_CHARS // 802)) + "]")
    assert shown.endswith("(more is not shown)")
    assert len(shown) < MAX_SHOWN_CHARS + 100
