"""Whatever an agent writes, the page shows it and runs none of it."""

from __future__ import annotations

import re

import pytest
from fastagency_frontend.page.markdown import to_html

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
