"""What somebody asked for who has to sign in first, and where they are led afterwards: only to pages of our own."""

from __future__ import annotations

import re
from urllib.parse import quote

# No second slash and no backslash, which browsers take for one: that would be another host. No space, nothing unseen.
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
MAX_TARGET_CHARS = 2000

SIGN_IN = "/sign-in"
SIGN_OUT = "/sign-out"
CALLBACK = f"{SIGN_IN}/callback"
"""Where an identity provider sends people back to."""


def own_target(text: str, base_path: str) -> str:
    """The path, if it is one of this page; else the start of it."""
    start = f"{base_path}/"
    if len(text) > MAX_TARGET_CHARS or not _OWN_PATH.fullmatch(text) or not text.startswith(start):
        return start
    path = text.partition("?")[0].removeprefix(base_path)
    if ".." in path or path in (SIGN_OUT, SIGN_IN, CALLBACK):
        return start
    return text


def asked_for(path: str, query: str) -> str:
    """The target of a request, as its address has it."""
    return quote(path, safe="/-._~!$&'()*+,;=:@") + (f"?{query}" if query else "")
