"""Code in a message is coloured, and no code takes the page's processor away from everybody else."""

from __future__ import annotations

import time

import pytest
from fastagency_frontend.page.budget import Budget
from fastagency_frontend.page.highlight import LANGUAGES, MAX_CODE_CHARS, highlight
from hypothesis import given, settings
from hypothesis import strategies as st

BUDGET_CPU_S = 0.01
STEP_CPU_S = 0.3
"""Far more than any step takes in a language that is on the list; one that is not takes seconds or minutes."""

NASTY = [
    " ",
    "\t",
    "\n",
    "(",
    "[",
    "{",
    "<",
    '"',
    "'",
    "`",
    "\\",
    "/",
    "*",
    "-",
    "#",
    "_",
    "a",
    "0",
    "a:",
    "\\\n",
    "/*",
    "${",
    "a=",
    "<a ",
]


def cpu_s(code: str, language: str) -> float:
    began = time.thread_time()
    highlight(code, language, Budget(BUDGET_CPU_S))
    return time.thread_time() - began


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_nothing_that_is_repeated_stops_a_lexer(language: str) -> None:
    for before in ("", '"'):
        for piece in NASTY:
            code = (before + piece * MAX_CODE_CHARS)[: MAX_CODE_CHARS - 1] + "x"
            assert cpu_s(code, language) < BUDGET_CPU_S + STEP_CPU_S, (before, piece)
        assert cpu_s(before + " " * 50_000 + "x", language) < STEP_CPU_S


@given(
    st.sampled_from(sorted(LANGUAGES)),
    st.text(st.characters(codec="utf-8", max_codepoint=0xFF), max_size=3),
    st.text(st.characters(codec="utf-8", max_codepoint=0x2FF), min_size=1, max_size=4),
)
@settings(max_examples=100, deadline=None)
def test_nor_does_anything_else(language: str, before: str, piece: str) -> None:
    code = (before + piece * MAX_CODE_CHARS)[: MAX_CODE_CHARS - 1] + "x"
    assert cpu_s(code, language) < BUDGET_CPU_S + STEP_CPU_S


def test_the_names_that_people_write_are_known() -> None:
    for name in ("py", "Python", "js", "ts", "json", "yaml", "sh", "bash", "sql", "html", "c++", "rust", "go"):
        assert "<span" in highlight("if x: 1 # 'a'\n// b\n<a>1</a>", name, Budget(1.0)), name


def test_code_in_a_language_that_is_not_known_is_shown_without_colours() -> None:
    assert highlight("<a> 'b'", "adl", Budget(1.0)) == "&lt;a&gt; &#x27;b&#x27;"


def test_code_that_is_too_long_is_shown_without_colours() -> None:
    assert "<span" in highlight("def f():" + " " * 100, "python", Budget(1.0))
    assert "<span" not in highlight("def f():" + " " * MAX_CODE_CHARS, "python", Budget(1.0))


def test_once_there_is_no_time_left_code_is_shown_without_colours() -> None:
    clock = iter(range(1000))
    assert highlight("def f(): return 'a'", "python", Budget(3, lambda: next(clock))) == (
        "def f(): return &#x27;a&#x27;"
    )
