"""The terminal: width, colours, and text that must not act on it."""

import io
import os

import pytest
from fastagency_frontend.console.terminal import EndOfInput, Line, Style, Terminal


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(out: io.StringIO, *lines: Line) -> str:
    Terminal(io.StringIO(), out).show(lines)
    return out.getvalue()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "30")


def test_a_terminal_has_colors() -> None:
    expected = "Red" if os.name == "nt" else "\x1b[31mRed\x1b[0m"
    assert shown(Tty(), Line("Red", Style.RED), Line("plain")) == f"{expected}\nplain\n"


def test_a_file_has_none() -> None:
    assert shown(io.StringIO(), Line("Red", Style.RED)) == "Red\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_none_gets_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert shown(Tty(), Line("Red", Style.RED)) == "Red\n"


def test_long_lines_are_wrapped_with_their_indentation() -> None:
    lines = shown(io.StringIO(), Line("  one two three four five six seven eight")).splitlines()
    assert lines == ["  one two three four five six", "  seven eight"]


def test_a_word_longer_than_the_line_is_broken() -> None:
    assert all(len(line) <= 30 for line in shown(io.StringIO(), Line("x" * 100)).splitlines())


def test_what_an_agent_says_cannot_control_the_terminal() -> None:
    assert shown(Tty(), Line("a\x1b]0;title\x07b\x9bc\rd\n\te")) == "a]0;titlebcd\n    e\n"


def test_lines_are_read_without_their_end() -> None:
    terminal = Terminal(io.StringIO("one\r\n\n"), io.StringIO())
    assert (terminal.ask(), terminal.ask_secret()) == ("one", "")
    with pytest.raises(EndOfInput):
        terminal.ask()
