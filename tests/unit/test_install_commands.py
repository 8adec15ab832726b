"""Another product holds the name `fastagency` on the package index, up to 0.x: no command may install that one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastagency_shared.extras import install_command

ROOT = Path(__file__).parents[2]
PLACES = ("README.md", "CONTRIBUTING.md", "docs", "deploy", "examples", "shared", "backend", "frontend", "fastagency")
NAMED = re.compile(r"\bfastagency\[[^\]\n]*\](?P<bound>[^\"'`\s]*)")
BARE = re.compile(r"pip install (?:-\S+ )*[\"']?fastagency[\"']?(?:\s|$|`)")


def texts() -> Iterator[tuple[Path, str]]:
    for place in PLACES:
        found = ROOT / place
        for path in [found] if found.is_file() else sorted(found.rglob("*")):
            if path.is_file() and path.suffix not in (".png", ".woff2", ".pyc"):
                yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def test_whoever_names_the_distribution_bounds_its_version() -> None:
    unbounded = [
        f"{path}: {match[0]}" for path, text in texts() for match in NAMED.finditer(text) if match["bound"] != ">=1"
    ] + [f"{path}: {match[0]}" for path, text in texts() for match in BARE.finditer(text)]
    assert unbounded == []


@pytest.mark.parametrize(
    "text", ["pip install fastagency", 'pip install -q "fastagency"', "run `pip install fastagency`"]
)
def test_a_bare_name_is_found(text: str) -> None:
    assert BARE.search(text)


def test_the_pages_install_from_a_checkout_and_from_a_wheel() -> None:
    for page in ("docs/guide.md", "docs/deployment.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert re.search(r'pip install "\.\[autogen,mesop,fastapi,server\]"', text), page
        assert re.search(r'pip install "dist/fastagency-1\.0\.0-py3-none-any\.whl\[[a-z,]+\]"', text), page


def test_the_command_of_a_message_names_extras_and_bound() -> None:
    assert install_command("fastapi", "server") == 'pip install "fastagency[fastapi,server]>=1"'
