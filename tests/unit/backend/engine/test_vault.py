"""Passwords are sealed with a key that is not in the database."""

from __future__ import annotations

import base64
import os
import secrets
import stat
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest
from fastagency_backend.engine.vault import SEALED, CannotOpen, Vault, read_keys
from fastagency_shared.errors import InvalidSettings
from hypothesis import given
from hypothesis import strategies as st

OLD, NEW = secrets.token_bytes(32), secrets.token_bytes(32)


@given(st.text())
def test_what_is_sealed_is_opened_again_and_says_nothing(text: str) -> None:
    vault = Vault((NEW,))
    sealed = vault.seal("run", "question", text)
    assert sealed.startswith(SEALED)
    assert sealed != vault.seal("run", "question", text)
    assert vault.open("run", "question", sealed) == text


def test_what_was_never_sealed_is_as_it_was() -> None:
    assert Vault((NEW,)).open("run", "question", '"plain"') == '"plain"'


@pytest.mark.parametrize(("run", "question"), [("other", "question"), ("run", "other")])
def test_it_does_not_open_as_the_answer_to_another_question(run: str, question: str) -> None:
    vault = Vault((NEW,))
    with pytest.raises(CannotOpen, match="not the answer to this question"):
        vault.open(run, question, vault.seal("run", "question", "secret"))


def test_a_new_key_is_put_before_the_old_one() -> None:
    sealed = Vault((OLD,)).seal("r", "q", "secret")
    assert Vault((NEW, OLD)).open("r", "q", sealed) == "secret"
    assert Vault((NEW,)).open("r", "q", Vault((NEW, OLD)).seal("r", "q", "secret")) == "secret"
    with pytest.raises(CannotOpen, match="FASTAGENCY_SECRET_KEY"):
        Vault((NEW,)).open("r", "q", sealed)


def test_the_key_of_a_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "below" / "runs.sqlite3.key"
    sealed = Vault(file=file).seal("r", "q", "secret")
    assert Vault(file=file).open("r", "q", sealed) == "secret"
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_only_sealing_makes_a_key(tmp_path: Path) -> None:
    vault = Vault(file=tmp_path / "key")
    with pytest.raises(CannotOpen):
        vault.open("r", "q", Vault((OLD,)).seal("r", "q", "secret"))
    assert not (tmp_path / "key").exists()


def _seal(file: Path) -> str:
    return Vault(file=file).seal("r", "q", "secret")


def test_processes_that_come_at_once_agree_on_a_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with get_context("spawn").Pool(4) as pool:
        sealed = pool.map(_seal, [file] * 16)
    assert {Vault(file=file).open("r", "q", each) for each in sealed} == {"secret"}


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InvalidSettings, match=r"cannot be read or made: .* Set FASTAGENCY_SECRET_KEY instead"):
        Vault(file=tmp_path / "key").seal("r", "q", "secret")


def test_keys_are_read_in_either_form() -> None:
    text = f" {NEW.hex()},{base64.b64encode(OLD).decode()}\n{base64.urlsafe_b64encode(OLD).decode()} "
    assert read_keys(text, "It") == (NEW, OLD, OLD)


@pytest.mark.parametrize("text", ["", "hunter2", "00" * 31, "zz" * 32, base64.b64encode(b"short").decode()])
def test_a_key_that_is_none_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(InvalidSettings, match="It must hold keys of 32 random bytes") as refused:
        read_keys(text, "It")
    assert not text or text not in str(refused.value)
