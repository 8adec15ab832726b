"""The page's key: tokens that only it can sign, and one file for processes that start at the same time."""

from __future__ import annotations

import stat
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastagency_shared.errors import InvalidSettings
from fastagency_shared.page_key import LIFETIME_S, InvalidToken, PageKey, PublicKey
from fastagency_shared.user import User

ANNA = User("anna", "Anna Ångström", frozenset({"manager", "auditor"}), "anna@example.org")
KEY = PageKey.generate()


def test_a_token_says_who_asks() -> None:
    claims = KEY.public.read(KEY.for_user(ANNA, "s1"))
    assert (claims.user, claims.session, claims.scope) == (ANNA, "s1", None)
    assert KEY.public.read(KEY.for_user(User("7"))).user == User("7")


def test_a_token_for_sessions_is_nobodys() -> None:
    claims = KEY.public.read(KEY.for_sessions())
    assert (claims.user, claims.scope) == (None, "sessions")


def signed(changes: Mapping[str, Any], key: Any = KEY._key, algorithm: str = "EdDSA") -> str:
    now = int(time.time())
    claims = {"iss": "fastagency-page", "aud": "fastagency", "sub": "anna", "iat": now, "exp": now + LIFETIME_S}
    return jwt.encode({k: v for k, v in (claims | changes).items() if v is not None}, key, algorithm=algorithm)


NOW = int(time.time())


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        PageKey.generate().for_user(ANNA),
        signed({"aud": "another"}),
        signed({"iss": "another"}),
        signed({"iat": NOW - 100, "exp": NOW - 40}),
        signed({"exp": NOW + 3600}),
        signed({"exp": None}),
        signed({"sub": ""}),
        signed({"sub": "x" * 501}),
        signed({"roles": "admin"}),
        signed({"name": 7}),
        jwt.encode({"sub": "anna"}, "", algorithm="none"),
        signed({}, "x" * 64, "HS256"),
    ],
)
def test_another_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        KEY.public.read(token)


def test_the_file_is_made_once_and_is_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new" / "key.pem"
    token = PageKey.load(None, file).for_user(ANNA)
    assert PublicKey.load(None, file).read(token).user == ANNA
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["key.pem"]


def test_those_that_come_at_the_same_time_have_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: PublicKey.load(None, tmp_path / "key.pem").pem(), range(32)))
    assert len(set(keys)) == 1


def test_keys_may_be_set(tmp_path: Path) -> None:
    file = tmp_path / "unused.pem"
    private = PageKey.load(KEY.pem().decode(), file)
    public = PublicKey.load(KEY.public.pem().decode(), file)
    assert public.read(private.for_user(ANNA)).user == ANNA
    assert not file.exists()


def test_a_new_key_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    """For a while the backend knows both, so that neither side has to wait for the other."""
    old, new, other = PageKey.generate(), PageKey.generate(), PageKey.generate()
    both = PublicKey.load((old.public.pem() + new.public.pem()).decode(), tmp_path / "unused.pem")
    assert both.read(old.for_user(ANNA)).user == both.read(new.for_user(ANNA)).user == ANNA
    with pytest.raises(InvalidToken):
        both.read(other.for_user(ANNA))
    assert PublicKey.load(both.pem().decode(), tmp_path / "unused.pem").read(new.for_user(ANNA)).user == ANNA


def test_a_key_may_be_set_in_one_line(tmp_path: Path) -> None:
    private, public = (key.pem().decode().replace("\n", "\\n") for key in (KEY, KEY.public))
    token = PageKey.load(private, tmp_path / "unused.pem").for_user(ANNA)
    assert PublicKey.load(public, tmp_path / "unused.pem").read(token).user == ANNA


@pytest.mark.parametrize(("seconds", "good"), [(-3, True), (-7, False), (3, True), (7, False)])
def test_clocks_may_differ_by_five_seconds(seconds: int, good: bool) -> None:
    """Before 0: it was over so long ago; after it: it was signed by a clock that is so far ahead."""
    issued = int(time.time()) + (seconds if seconds > 0 else seconds - LIFETIME_S)
    token = signed({"iat": issued, "exp": issued + LIFETIME_S})
    if good:
        assert KEY.public.read(token).user == User("anna")
    else:
        with pytest.raises(InvalidToken):
            KEY.public.read(token)


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    private = other.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public = other.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    for load, value in ((PageKey.load, "x"), (PageKey.load, private), (PublicKey.load, "x"), (PublicKey.load, public)):
        with pytest.raises(InvalidSettings, match=r"FASTAGENCY_PAGE_(PUBLIC_)?KEY is") as error:
            load(value, tmp_path / "unused.pem")
        assert "BEGIN" not in str(error.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    PageKey.load(None, file)
    file.chmod(0o644)
    with pytest.raises(InvalidSettings, match="chmod 600"):
        PageKey.load(None, file)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSettings, match="FASTAGENCY_PAGE_KEY_FILE names another file"):
        PageKey.load(None, tmp_path / "file" / "key.pem")
