"""The answers that nobody may read in the database or in a copy of it: sealed with a key that is not in there.

A key is 32 random bytes, as text in base64 or hexadecimal digits. Those of the settings are taken; where there are
none, those of a file, which is made when the first answer is sealed, and which only its owner may read. The first key
seals, and all of them open, so that a new one can be put before an old one. What is sealed belongs to its question
(AES-256-GCM, with the run and the question as associated data): in the place of another answer it does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastagency_shared.errors import FastAgencyError, InvalidSettings
from fastagency_shared.extras import extra
from fastagency_shared.private_file import make_once

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEALED = "sealed:1:"
"""How a sealed answer begins; no JSON does."""
KEY_BYTES, NONCE_BYTES, NAME_CHARS = 32, 12, 12
VARIABLE = "FASTAGENCY_SECRET_KEY"


class CannotOpen(FastAgencyError):
    """An answer was sealed with a key that is not known here, or it is not what was sealed."""


@dataclass(eq=False)
class Vault:
    """See the module's docstring. `keys` are those of the settings, `file` is where to look without them."""

    keys: tuple[bytes, ...] = field(default=(), repr=False)
    file: Path | None = None

    def seal(self, run_id: str, question: str, value: str) -> str:
        """An answer as it is stored. Raises `InvalidSettings`: there is no key, and none can be made."""
        if not self.keys:
            self.keys = self._of_file(make=True)
        key, nonce = self.keys[0], secrets.token_bytes(NONCE_BYTES)
        sealed = _cipher(key).encrypt(nonce, value.encode(), _place(run_id, question))
        return f"{SEALED}{_name(key)}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, run_id: str, question: str, stored: str) -> str:
        """An answer from the store; one that was never sealed is as it was. Raises `CannotOpen`."""
        if not stored.startswith(SEALED):
            return stored
        name, _, text = stored.removeprefix(SEALED).partition(":")
        key = next((key for key in self._known() if _name(key) == name), None)
        if key is None:
            raise CannotOpen(
                f"A password was sealed with the key {name}, which this process does not have. Put it into {VARIABLE}, "
                "behind the one that is there, or bring back the file of the key."
            )
        from cryptography.exceptions import InvalidTag

        data = base64.b64decode(text)
        try:
            opened = _cipher(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _place(run_id, question))
        except InvalidTag:
            raise CannotOpen("A sealed password is not what was sealed, or not the answer to this question.") from None
        return opened.decode()

    def _known(self) -> tuple[bytes, ...]:
        if not self.keys:
            with suppress(InvalidSettings):
                self.keys = self._of_file(make=False)
        return self.keys

    def _of_file(self, *, make: bool) -> tuple[bytes, ...]:
        if self.file is None:
            raise InvalidSettings(f"There is no key to seal a password with: set {VARIABLE}.")
        try:
            if make and not self.file.exists():
                self.file.parent.mkdir(0o700, parents=True, exist_ok=True)
                make_once(self.file, f"{secrets.token_hex(KEY_BYTES)}\n".encode())
            return read_keys(self.file.read_text(encoding="ascii"), f"The file {self.file}")
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise InvalidSettings(
                f"The key to seal passwords with, {self.file}, cannot be read or made: {reason}. Set {VARIABLE} "
                "instead."
            ) from error


def read_keys(text: str, named: str) -> tuple[bytes, ...]:
    """Keys from text, separated by commas or lines. Raises `InvalidSettings`, which quotes nothing."""
    keys = tuple(_read_key(each) for each in text.replace(",", " ").split())
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise InvalidSettings(
            f"{named} must hold keys of {KEY_BYTES} random bytes each, in base64 or hexadecimal digits "
            "(openssl rand -hex 32), separated by commas."
        )
    return keys


def _read_key(text: str) -> bytes:
    try:
        if len(text) == 2 * KEY_BYTES:
            return bytes.fromhex(text)
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error):
        return b""


def _cipher(key: bytes) -> AESGCM:
    with extra("fastapi", needed_by="Sealing a password"):
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # few processes seal anything
    return AESGCM(key)


def _name(key: bytes) -> str:
    """So that the right key of several is found; it says nothing of the key."""
    return hashlib.sha256(b"fastagency key name" + key).hexdigest()[:NAME_CHARS]


def _place(run_id: str, question: str) -> bytes:
    return f"{run_id}/{question}".encode()


OF_THIS_PROCESS = Vault(keys=(secrets.token_bytes(KEY_BYTES),))
"""For a store that is gone with the process; nothing else can open what it seals."""
