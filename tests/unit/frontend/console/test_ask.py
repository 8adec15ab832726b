"""What a typed line means as an answer."""

import io

import pytest
from fastagency_frontend.console.ask import ask, read_typed
from fastagency_frontend.console.terminal import EndOfInput, Terminal
from fastagency_shared.errors import InvalidRequest
from fastagency_shared.messages import MultipleChoice, TextInput

ONE = MultipleChoice(choices=["Red", "Green, dark", "3"])
MANY = MultipleChoice(choices=["Red", "Green, dark", "3"], single=False)


@pytest.mark.parametrize(
    ("question", "typed", "answer"),
    [
        (TextInput(), " as typed ", " as typed "),
        (TextInput(), "", ""),
        (ONE, "1", "Red"),
        (ONE, " Red ", "Red"),
        (ONE, "3", "3"),
        (ONE, "Green, dark", "Green, dark"),
        (ONE.model_copy(update={"default": "Red"}), "", "Red"),
        (MANY, "2,1", ["Red", "Green, dark"]),
        (MANY, "1 2", ["Red", "Green, dark"]),
        (MANY, "Red, Green, dark", ["Red", "Green, dark"]),
        (MANY, "0", []),
        (MANY, "", []),
        (MANY.model_copy(update={"default": "Red"}), "", ["Red"]),
        (MANY.model_copy(update={"default": "Red"}), "0", []),
    ],
)
def test_a_line_is_read_as_the_answer_it_means(question: TextInput, typed: str, answer: object) -> None:
    assert read_typed(question, typed) == answer


@pytest.mark.parametrize(("question", "typed"), [(ONE, "4"), (ONE, "0"), (ONE, ""), (ONE, "1,2"), (MANY, "Blue")])
def test_what_is_no_choice_is_refused(question: MultipleChoice, typed: str) -> None:
    with pytest.raises(InvalidRequest, match="choice"):
        read_typed(question, typed)


def test_it_explains_and_asks_again() -> None:
    out = io.StringIO()
    assert ask(Terminal(io.StringIO("7\nblue\n1\n"), out), ONE) == "Red"
    assert out.getvalue().count("is not one of the choices") == 2
    assert "2) Green, dark" in out.getvalue()


def test_suggestions_are_shown() -> None:
    out = io.StringIO()
    ask(Terminal(io.StringIO("x\n"), out), TextInput(suggestions=["Cells", "Plants"]))
    assert "Suggestions: Cells, Plants" in out.getvalue()


def test_the_end_of_the_input_is_an_error_and_not_an_empty_answer() -> None:
    with pytest.raises(EndOfInput):
        ask(Terminal(io.StringIO(""), io.StringIO()), TextInput())
