"""Asking a person in a terminal: how the answer to each kind of question is typed and read."""

from fastagency_shared.answer import Answer, check_answer, read_plain_answer
from fastagency_shared.errors import InvalidRequest
from fastagency_shared.messages import MultipleChoice, Question, TextInput

from fastagency_frontend.console.terminal import Line, Style, Terminal


def ask(terminal: Terminal, question: Question) -> Answer:
    """Ask until there is an answer that fits the question.

    Raises:
        EndOfInput: standard input has ended.
    """
    terminal.show(_how(question))
    while True:
        secret = isinstance(question, TextInput) and question.password
        text = terminal.ask_secret() if secret else terminal.ask()
        try:
            return read_typed(question, text)
        except InvalidRequest as refusal:
            terminal.show([Line(str(refusal), Style.RED)])


def read_typed(question: Question, text: str) -> Answer:
    """The answer that a line means: choices may be typed as numbers or as they are.

    Raises:
        InvalidRequest: it does not fit the question.
    """
    if isinstance(question, TextInput):
        return check_answer(question, text)
    text = text.strip()
    if not text and question.default is not None:
        return check_answer(question, question.default)
    if text in question.choices:
        return check_answer(question, text)
    numbers = _numbers(text, len(question.choices))
    if numbers is None:
        return read_plain_answer(question, text)
    return check_answer(question, [question.choices[number - 1] for number in numbers if number])


def _numbers(text: str, highest: int) -> list[int] | None:
    """The numbers of choices, separated by commas or blanks; 0 chooses nothing. None if it is something else."""
    parts = text.replace(",", " ").split()
    if not parts or not all(part.isdecimal() and int(part) <= highest for part in parts):
        return None
    return [int(part) for part in parts]


def _how(question: Question) -> list[Line]:
    if isinstance(question, TextInput):
        return [Line(f"  Suggestions: {', '.join(question.suggestions)}", Style.DIM)] if question.suggestions else []
    choices = [Line(f"  {number}) {choice}") for number, choice in enumerate(question.choices, 1)]
    return [*choices, Line(f"  {_choosing(question)}", Style.DIM)]


def _choosing(question: MultipleChoice) -> str:
    how = "Type a number." if question.single else "Type numbers separated by commas; 0 for none."
    return f"{how} Enter alone chooses {question.default}." if question.default is not None else how
