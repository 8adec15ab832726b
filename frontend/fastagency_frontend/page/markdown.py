"""Markdown to HTML that is safe to show, whoever wrote it: an agent's text is never trusted.

HTML in the source is shown as text. Links lead to the web or to a mail address and open a new tab. Images are shown as
links: fetching them would tell an outside server what is being talked about, and a prompt injection could use that.

Every text has its HTML, and soon: what cannot be rendered, or not within `RENDER_CPU_S`, is shown as it was written.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from fastagency_frontend.page.budget import Budget, TooMuchWork
from fastagency_frontend.page.highlight import highlight

SAFE_SCHEMES = frozenset({"http", "https", "mailto"})
RENDER_CPU_S = 1.0
"""Four times what the longest text that is shown takes, if a person or a model wrote it."""
HIGHLIGHT_CPU_S = 0.3
"""For all the code of one text together; more of it has no colours."""

_BUDGET = "budget"
_CODE_BUDGET = "code budget"
_CONTAINERS = ["paragraph", "reference", "blockquote", "list"]

logger = logging.getLogger(__name__)


def to_html(text: str) -> str:
    """Render a text, whatever it is."""
    try:
        return str(_markdown.render(text, {_BUDGET: Budget(RENDER_CPU_S)}))
    except TooMuchWork:
        logger.info("A text of %d characters is shown as it was written: it takes too long to render", len(text))
    except Exception:
        logger.exception("A text of %d characters is shown as it was written: it cannot be rendered", len(text))
    return as_written(text)


def as_written(text: str) -> str:
    """The text as HTML, without any of its markup."""
    return "<p>{}</p>\n".format(html.escape(text).replace("\n", "<br>\n"))


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


def _code(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A block of code, coloured while there is time for it."""

    budget = env.setdefault(_CODE_BUDGET, Budget(HIGHLIGHT_CPU_S))

    def colour(code: str, language: str, _attributes: str) -> str:
        return highlight(code, language, budget)

    coloured: Any = {**options, "highlight": colour}
    return RendererHTML.fence(renderer, tokens, index, OptionsDict(coloured), env)


def _spend_block(state: StateBlock, _start: int, _end: int, _silent: bool) -> bool:
    """A rule that never applies, asked before any other one at each place of the text."""
    state.env[_BUDGET].spend()
    return False


def _spend_inline(state: StateInline, _silent: bool) -> bool:
    state.env[_BUDGET].spend()
    return False


def _make() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True})
    markdown.enable(["table", "strikethrough"])
    markdown.block.ruler.before("table", "budget", _spend_block, {"alt": _CONTAINERS})
    markdown.inline.ruler.before("text", "budget", _spend_inline)
    markdown.validateLink = _is_safe  # type: ignore[method-assign]
    markdown.add_render_rule("link_open", _open_link)
    markdown.add_render_rule("image", _image_as_link)
    markdown.add_render_rule("fence", _code)
    return markdown


_markdown = _make()
# Its lists of rules are made at first use, not safely among threads: this text uses them all.
to_html("*a* [b](https://c.example)\n\n| d |\n|---|\n| e |")
