"""A prefix is a path and nothing else: it ends up in addresses, in a cookie and in the page."""

import pytest
from fastagency_shared.prefix import read_prefix


@pytest.mark.parametrize(
    ("text", "path"), [("", ""), ("/", ""), ("/chat", "/chat"), (" /chat/ ", "/chat"), ("/a/b-c.d", "/a/b-c.d")]
)
def test_a_path_is_taken(text: str, path: str) -> None:
    assert read_prefix(text) == path


@pytest.mark.parametrize(
    "text", ["chat", "/a//b", "/..", "/a/../b", "/a b", '/"><script>', "/a?b", "/a;b", "https://x/chat", "/ä"]
)
def test_anything_else_is_refused_and_shown(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path such as /chat"):
        read_prefix(text)
