"""The docs say what the code does: generated parts are up to date, links lead somewhere, and Python code compiles."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from fastagency_shared.connection import SUBPROTOCOL_V2, CloseCode
from fastagency_shared.run import USER_HEADER
from fastapi import FastAPI

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
CODE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load_generator()


def ids(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def test_every_generated_section_is_in_the_docs() -> None:
    found = {part[2] for path in generate.pages() for part in generate.SECTION.finditer(path.read_text("utf-8"))}
    assert found == set(generate.SECTIONS)


@pytest.mark.parametrize("path", list(generate.pages()), ids=ids(list(generate.pages())))
def test_generated_sections_are_up_to_date(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert generate.rewritten(page) == page, "run: python docs/generate.py"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in HEADING.findall(text)}


def links(page: Path) -> Iterator[str]:
    for match in LINK.finditer(FENCED.sub("", page.read_text(encoding="utf-8"))):
        target = match[1] or match[2]
        if not target.startswith(("http://", "https://", "mailto:")):
            yield target


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_python_code_compiles(page: Path) -> None:
    for number, code in enumerate(CODE.findall(page.read_text(encoding="utf-8")), start=1):
        compile(code, f"{page.name}, block {number}", "exec")


async def test_the_example_of_the_readme_publishes_its_workflow() -> None:
    names: dict[str, object] = {}
    for code in CODE.findall((ROOT / "README.md").read_text(encoding="utf-8")):
        exec(compile(code, "README.md", "exec"), names)
    app = names["app"]
    assert isinstance(app, FastAPI)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        reply = await client.get("/fastagency/discovery")
    assert reply.json() == [{"name": "greeting", "description": "Say hello"}]


@pytest.mark.parametrize("name", ["run", "tests"])
def test_the_commands_of_the_readme_are_one_line(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(rf"<!-- command: {name} -->\n```\w*\n(.*)\n```\n<!-- /command -->", readme)
    assert block is not None
    assert "\n" not in block[1]
    # Into a folder: Debian's pip refuses to install anything beside its own packages.
    install, _, start = block[1].partition(" && ")
    assert shlex.split(install) == ["pip", "install", "-q", "-U", "--target", ".uv", "uv"]
    assert shlex.split(start)[:2] == [".uv/bin/uv", "run"]


def test_a_generated_row_is_one_line() -> None:
    rows = [line for line in generate.messages().splitlines() if line]
    assert all(line.startswith("| ") and line.endswith(" |") for line in rows)


def test_the_protocol_page_has_every_close_code_and_header() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert [code for code in CloseCode if f"| {code.value} |" not in page] == []
    assert f"`{USER_HEADER}`" in page
    assert f"`{SUBPROTOCOL_V2}`" in page


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert [page.name for page in sorted(ROOT.glob("docs/**/*.md")) if page != index and page not in listed] == []


@pytest.mark.parametrize("page", PAGES, ids=ids(PAGES))
def test_no_merge_was_left_unfinished(page: Path) -> None:
    assert re.findall(r"^(?:<{7}|>{7}).*", page.read_text(encoding="utf-8"), re.MULTILINE) == []


def sources() -> str:
    """The code that people read sentences of; those that go over several lines are put together."""
    folders = ("shared", "backend", "frontend")
    code = [path for name in folders for path in sorted((ROOT / name).rglob("*")) if path.suffix in (".py", ".js")]
    text = "".join(path.read_text(encoding="utf-8") for path in code if not path.name.endswith(".d.ts"))
    return re.sub(r"\"(?: \+)?\s*\n\s*f?\"", "", text)


@pytest.mark.parametrize("name", ["troubleshooting.md", "page.md", "containers.md"])
def test_quoted_sentences_are_what_people_read(name: str) -> None:
    page, code = (ROOT / "docs" / name).read_text(encoding="utf-8"), sources()
    # "…" and "..." stand for what differs; a number, too, is one of many.
    quoted = re.findall(r"\"((?:[A-Z]|\.\.\. )[^\"]+)\"", " ".join(FENCED.sub("", page).split()))
    pieces = [piece.strip(" .,") for each in quoted for piece in re.split(r"…|\.\.\.|\d+", each)]
    assert quoted
    assert [piece for piece in pieces if piece not in code] == []
