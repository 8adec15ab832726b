"""The files that the browser needs, served by the application itself: no CDN, no outside font.

Their URLs hold a version (a digest of all of them), so that a browser may keep them for ever and still gets new ones
after an update. Read once, at import: they are part of the program.

A style sheet that imports others of its folder is sent with these in place: sheets are small files to read, and one
request each for the page and for a component.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

PREFIX = "/__fastagency__"

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}


_IMPORT = re.compile(rb'^@import url\("([\w-]+\.css)"\);\n', re.MULTILINE)


@dataclass(frozen=True)
class Asset:
    content_type: str
    body: bytes


def _load() -> dict[str, Asset]:
    files = sorted(path for path in _FOLDER.rglob("*") if path.suffix in _TYPES)
    return {path.relative_to(_FOLDER).as_posix(): Asset(_TYPES[path.suffix], _read(path)) for path in files}


def _read(path: Path) -> bytes:
    body = path.read_bytes()
    if path.suffix != ".css":
        return body
    return _IMPORT.sub(lambda found: _read(path.with_name(found[1].decode())), body)


def _version(assets: dict[str, Asset]) -> str:
    digest = hashlib.sha256()
    for name, asset in assets.items():
        digest.update(name.encode())
        digest.update(asset.body)
    return digest.hexdigest()[:12]


ASSETS = _load()
VERSION = _version(ASSETS)


def asset_path(name: str) -> str:
    """The path of an asset below the application's own root."""
    return f"{PREFIX}/{VERSION}/{name}"
