"""Code with its colours, as HTML: only in languages whose lexers were tried with the worst that a text can hold.

Many lexers of Pygments take time that grows with the square of their input, some already in a single step. Those are
not in the list; for the others a code of at most `MAX_CODE_CHARS` bounds a step, and a budget the number of them.
"""

from __future__ import annotations

import html
import io
from collections.abc import Iterator
from typing import Any

from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name

from fastagency_frontend.page.budget import Budget, TooMuchWork

MAX_CODE_CHARS = 10_000
LANGUAGES = frozenset(
    {
        "bash",
        "bat",
        "c",
        "cpp",
        "csharp",
        "css",
        "dart",
        "diff",
        "docker",
        "go",
        "graphql",
        "haskell",
        "html",
        "http",
        "java",
        "javascript",
        "json",
        "jsx",
        "julia",
        "kotlin",
        "less",
        "lua",
        "make",
        "markdown",
        "nginx",
        "objective-c",
        "perl",
        "php",
        "postgresql",
        "powershell",
        "protobuf",
        "pycon",
        "python",
        "r",
        "ruby",
        "rust",
        "scss",
        "sql",
        "sqlite3",
        "swift",
        "terraform",
        "tex",
        "toml",
        "tsx",
        "typescript",
        "vim",
        "xml",
        "yaml",
    }
)
"""Names of lexers; their aliases, such as `py`, are known too."""

_formatter = HtmlFormatter(nowrap=True)


def highlight(code: str, language: str, budget: Budget) -> str:
    """The code as HTML; without colours if the language is not known, or it would be too much work."""
    lexer = _LEXERS.get(language.lower())
    if lexer is None or len(code) > MAX_CODE_CHARS:
        return html.escape(code)
    coloured = io.StringIO()
    try:
        _formatter.format(_within(budget, lexer.get_tokens(code)), coloured)
    except TooMuchWork:
        return html.escape(code)
    return coloured.getvalue()


def _within(budget: Budget, tokens: Iterator[tuple[Any, str]]) -> Iterator[tuple[Any, str]]:
    for token in tokens:
        budget.spend()
        yield token


def _lexers() -> dict[str, Lexer]:
    """Made once: a lexer keeps nothing of what it has read."""
    made = [get_lexer_by_name(name) for name in sorted(LANGUAGES)]
    return {alias.lower(): lexer for lexer in made for alias in lexer.aliases}


_LEXERS = _lexers()
