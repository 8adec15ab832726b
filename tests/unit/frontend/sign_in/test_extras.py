"""What a way of signing in needs is named in one sentence where it is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fastagency_frontend.sign_in import OpenIDConnect, PasswordFile, SignIn


@pytest.mark.parametrize(
    ("way", "missing", "extra"),
    [
        (PasswordFile(Path("people.json")), "argon2", "password"),
        (OpenIDConnect("https://login.example.org", "page"), "authlib", "oidc"),
    ],
)
def test_what_is_missing_is_named(
    way: SignIn, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.json").write_text('{"people": {}}')
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf'needs the "{extra}" extra'):
        way.check()
