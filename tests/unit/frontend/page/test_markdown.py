"""Whatever an agent writes, the page shows it and runs none of it."""

from __future__ import annotations

import re
import time

import pytest
from fastagency_frontend.page import markdown
from fastagency_frontend.page.markdown import HIGHLIGHT_CPU_S, RENDER_CPU_S, to_html
from fastagency_frontend.page.render import MAX_SHOWN_CHARS
from hypothesis import given, settings
from hypothesis import strategies as st

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "text <b onmouseover=alert(1)>bold</b>",
    "<iframe src='https://evil.example'></iframe>",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "```<script>\nx\n```",
    "| <script>alert(1)</script> |\n|---|\n| <svg onload=alert(1)> |",
    '![x" onerror="alert(1)](https://example.org/a.png)',
]
BAD_LINKS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "&#106;avascript:alert(1)",
    "vbscript:x",
    "data:text/html;base64,PHNjcmlwdD4=",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_html_of_an_agent_is_shown_as_text(text: str) -> None:
    tags = set(re.findall(r"<\s*(\w+)", to_html(text)))
    assert tags <= {"p", "pre", "code", "span", "table", "thead", "tbody", "tr", "th", "td", "a"}
    assert not re.search(r"<[^>]*\son\w+=", to_html(text))


@pytest.mark.parametrize("url", BAD_LINKS)
@pytest.mark.parametrize("form", ["[click]({})", "![click]({})", "<{}>"])
def test_only_links_to_the_web_and_to_mail_survive(url: str, form: str) -> None:
    assert "href" not in to_html(form.format(url))


def test_a_link_opens_a_new_tab_that_cannot_reach_back() -> None:
    assert to_html("[a](https://example.org/?a=1&b=2)") == (
        '<p><a href="https://example.org/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">a</a></p>\n'
    )


def test_an_image_is_a_link_so_that_nothing_is_fetched_from_outside() -> None:
    html = to_html('![a "cat"](https://example.org/cat.png)')
    assert "<img" not in html
    assert '<a href="https://example.org/cat.png"' in html
    assert "a &quot;cat&quot;</a>" in html


def test_tables_strikethrough_and_code() -> None:
    assert "<table>" in to_html("| a |\n|---|\n| b |")
    assert "<s>gone</s>" in to_html("~~gone~~")
    assert '<span class="k">def</span>' in to_html("```python\ndef f(): pass\n```")
    assert "<code" in to_html("```nosuchlanguage\n<&>\n```")
    assert "&lt;&amp;&gt;" in to_html("```nosuchlanguage\n<&>\n```")


NASTY = [
    *"[]*_`<&\\~ \n\t|>-#!:",
    "![",
    "[a](",
    "<a ",
    "*a _b ",
    "`a``b",
    "> ",
    "- ",
    "[a]: x\n",
    "|\n|-|\n",
    "```python\n'''\n```\n",
]
ONE_STEP_CPU_S = 1.5


def cpu_s(text: str) -> float:
    began = time.thread_time()
    to_html(text)
    return time.thread_time() - began


@pytest.mark.parametrize("piece", NASTY)
def test_no_text_takes_longer_than_it_may(piece: str) -> None:
    text = piece * (MAX_SHOWN_CHARS // len(piece))
    assert cpu_s(text) < RENDER_CPU_S + HIGHLIGHT_CPU_S + ONE_STEP_CPU_S


@given(st.lists(st.sampled_from([*NASTY, "a", "(", ")", "1", ". "]), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_nor_does_a_mixture(pieces: list[str]) -> None:
    piece = "".join(pieces)
    assert cpu_s(piece * (20_000 // len(piece))) < RENDER_CPU_S + HIGHLIGHT_CPU_S + ONE_STEP_CPU_S


def test_code_in_a_language_with_a_slow_lexer_is_shown_as_it_is() -> None:
    text = "```adl\n" + " " * 49_000 + "x\n```"
    assert cpu_s(text) < 0.5
    assert "<span" not in to_html(text)


def test_once_its_time_for_colours_is_over_a_text_is_rendered_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "HIGHLIGHT_CPU_S", -1.0)
    shown = to_html("```python\ndef f(): pass\n```\n\n*yes*")
    assert shown == '<pre><code class="language-python">def f(): pass\n</code></pre>\n<p><em>yes</em></p>\n'


def test_a_text_that_takes_too_long_is_shown_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "RENDER_CPU_S", -1.0)
    assert to_html("*a*\n<b>") == "<p>*a*<br>\n&lt;b&gt;</p>\n"


def test_a_text_that_cannot_be_rendered_is_shown_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise RecursionError

    monkeypatch.setattr(markdown, "highlight", fail)
    assert to_html("```python\n<\n```") == "<p>```python<br>\n&lt;<br>\n```</p>\n"


def test_the_longest_text_that_a_model_writes_is_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(markdown, "RENDER_CPU_S", 60.0)  # what measures the tests takes its time as well
    part = "Some **text** with `code` and a [link](https://example.org).\n\n- one\n- two\n\n"
    shown = to_html(part * (MAX_SHOWN_CHARS // len(part)))
    assert shown.count("<strong>text</strong>") == MAX_SHOWN_CHARS // len(part)
