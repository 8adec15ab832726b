"""Markdown to HTML that is safe to show, whoever wrote it: an agent's text is never trusted.

HTML in the source is shown as text. Links lead to the web or to a mail address and open a new tab. Images are shown as
links: fetching them would tell an outside server what is being talked about, and a prompt injection could use that.
"""

from __future__ import annotations

import functools
import html
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

SAFE_SCHEMES = frozenset({"http", "https", "mailto"})
MAX_HIGHLIGHTED_CHARS = 50_000
MAX_CACHED_CHARS = 20_000
CACHED_TEXTS = 512

_formatter = HtmlFormatter(nowrap=True)


def to_html(text: str) -> str:
    """Render a finished text; the same text is rendered once, as it is read again at each reload."""
    return _cached(text) if len(text) <= MAX_CACHED_CHARS else render(text)


@functools.lru_cache(maxsize=CACHED_TEXTS)
def _cached(text: str) -> str:
    return render(text)


def render(text: str) -> str:
    """Render a text that is still growing, and so is not worth remembering."""
    return str(_markdown.render(text))


def _highlight(code: str, language: str, _attributes: str) -> str:
    if not language or len(code) > MAX_HIGHLIGHTED_CHARS:
        return html.escape(code)
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return html.escape(code)
    return str(highlight(code, lexer, _formatter))


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    return parts.scheme.lower() in SAFE_SCHEMES


def _open_link(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    tokens[index].attrSet("target", "_blank")
    tokens[index].attrSet("rel", "noopener noreferrer")
    return str(renderer.renderToken(tokens, index, options, env))


def _image_as_link(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    source = str(token.attrs.get("src", ""))
    label = renderer.renderInlineAsText(token.children or [], options, env) or source
    return f'<a href="{html.escape(source)}" target="_blank" rel="noopener noreferrer">{html.escape(label)}</a>'


def _make() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True, "highlight": _highlight})
    markdown.enable(["table", "strikethrough"])
    markdown.validateLink = _is_safe  # type: ignore[method-assign]
    markdown.add_render_rule("link_open", _open_link)
    markdown.add_render_rule("image", _image_as_link)
    # Its lists of rules are made at first use, not safely among threads: this text uses them all.
    markdown.render("*a* [b](https://c.example)\n\n| d |\n|---|\n| e |")
    return markdown


_markdown = _make()
