"""Makes a site of pages that read as well on a plain git host; `mkdocs.yml` names this file.

- A link out of this folder, such as `../deploy/compose.yaml`, leads to a page of the site that holds that file.
- A folder in the navigation stands for its pages.
- The table of public names on `reference.md` gives way to their documentation.
- A page that would load something from another host is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

DOCS = Path(__file__).parent.resolve()
ROOT = DOCS.parent
OUTSIDE = "project/"
"""Where in the site the files stand that lie outside of `docs`."""

LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)\s#]+)")
FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
PUBLIC_NAMES = re.compile(r"<!-- generated: public-names -->\n(.*?)<!-- /generated -->", re.DOTALL)
NAME_OF_ROW = re.compile(r"^\| `([\w.]+)`", re.MULTILINE)
LOADED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"?((?:https?:)?//[^\s\">]+)")
BEHIND = {"fastagency.adapters.fastapi.FastAPIAdapter": "fastagency_backend.web.adapter.FastAPIAdapter"}
"""Public classes that only add to another, whose documentation is shown after theirs."""
LANGUAGES = {".conf": "nginx", ".service": "ini", ".mjs": "javascript"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a folder in its place in the navigation."""
    for entry in config.nav or []:
        for title, pages in entry.items() if isinstance(entry, dict) else ():
            if isinstance(pages, str) and pages.endswith("/"):
                entry[title] = [path.relative_to(DOCS).as_posix() for path in sorted(DOCS.glob(f"{pages}*.md"))]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add what the pages link to outside of their folder, and what that links to."""
    waiting = [DOCS / file.src_uri for file in files.documentation_pages()]
    while waiting:
        page = waiting.pop()
        for target in _targets(page):
            uri = _uri(target)
            if uri.startswith(OUTSIDE) and files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, content=_content(target)))
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where their targets are in the site."""
    here = _path(page.file.src_uri)

    def lead(link: re.Match[str]) -> str:
        target = (here.parent / link[1]).resolve()
        return get_relative_url(_uri(target), page.file.src_uri) if target.is_file() else link[1]

    markdown = _outside_of_code(markdown, lambda text: LINK.sub(lead, text))
    return PUBLIC_NAMES.sub(lambda table: _documentation(NAME_OF_ROW.findall(table[1])), markdown)


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> str:
    """Hold the site to loading nothing from elsewhere."""
    if elsewhere := LOADED.findall(output):
        raise PluginError(
            f"{page.file.src_uri} loads {elsewhere[0]}; the site must not load anything from other hosts."
        )
    return output


def _documentation(names: list[str]) -> str:
    shown = [each for name in names for each in (name, BEHIND.get(name)) if each]
    return "\n\n".join(f"::: {name}" for name in shown)


def _outside_of_code(markdown: str, change: Callable[[str], str]) -> str:
    parts = FENCED.split(markdown)  # every second one is code
    return "".join(part if number % 2 else change(part) for number, part in enumerate(parts))


def _targets(page: Path) -> list[Path]:
    if page.suffix != ".md":
        return []
    links = LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    return [target for link in links if (target := (page.parent / link).resolve()).is_file()]


def _uri(target: Path) -> str:
    """The source path in the site, of a file of this repository."""
    if target.is_relative_to(DOCS):
        return target.relative_to(DOCS).as_posix()
    path = target.relative_to(ROOT).as_posix()
    return OUTSIDE + (path if target.suffix == ".md" else f"{path}.md")


def _path(uri: str) -> Path:
    """The file of this repository, of a source path in the site."""
    if not uri.startswith(OUTSIDE):
        return DOCS / uri
    path = ROOT / uri.removeprefix(OUTSIDE)
    return path if path.exists() else path.with_suffix("")


def _content(target: Path) -> str:
    text = target.read_text(encoding="utf-8")
    if target.suffix == ".md":
        return text
    language = LANGUAGES.get(target.suffix, target.suffix.removeprefix("."))
    path = target.relative_to(ROOT).as_posix()
    return f"---\nsearch: {{exclude: true}}\n---\n# {path}\n\n```{language}\n{text}```\n"
