"""The key with which the page tells the backend who asks, and the tokens that it signs.

The page has the private key, the backend needs the public one. Where none is set, both are in one file, which whichever
process comes first makes; so two processes that are started in the same folder need no setting. A token is a JWT
(https://www.rfc-editor.org/rfc/rfc7519) that lives for a minute: the page signs one for each request.

It is needed only where people sign in, and so are the packages that it imports.
"""

from __future__ import annotations

import re
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fastagency_shared.errors import FastAgencyError, InvalidSettings
from fastagency_shared.extras import extra
from fastagency_shared.private_file import make_once
from fastagency_shared.user import User

with extra("sign-in", needed_by="Signing in"):
    import jwt
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ISSUER = "fastagency-page"
AUDIENCE = "fastagency"
ALGORITHM = "EdDSA"
LIFETIME_S = 60
LEEWAY_S = 5
"""Clocks of two machines differ a little."""
PAGE_SUBJECT = "page"
SESSIONS_SCOPE = "sessions"


class InvalidToken(FastAgencyError):
    """A token that the page did not sign, that is too old, or that says something else than it must."""


@dataclass(frozen=True)
class PageClaims:
    """What a token of the page says: who asks, in which session; or that the page itself asks, with `scope`."""

    user: User | None
    session: str | None = None
    scope: str | None = None


class PageKey:
    """The page's private key. Never to be logged."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> Self:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, pem: str | None, file: Path) -> Self:
        """The key that is set as text, or else that of the file, which is made if it is not there.

        Raises:
            InvalidSettings: it is no such key, or the file can be neither read nor made.
        """
        if pem is not None:
            return cls(_private(_lines(pem).encode(), "FASTAGENCY_PAGE_KEY"))
        return cls(_private(_of_file(file), f"The file {file}"))

    @property
    def public(self) -> PublicKey:
        return PublicKey(self._key.public_key())

    def pem(self) -> bytes:
        """As text for a file: PKCS #8."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def for_user(self, user: User, session: str | None = None) -> str:
        """A token for one request on behalf of somebody who has signed in; `session` is the session's public id."""
        about = {"sub": user.id, "name": user.name, "email": user.email, "roles": sorted(user.roles), "sid": session}
        return self._sign({name: value for name, value in about.items() if value})

    def for_sessions(self) -> str:
        """A token for one request to the routes of sessions, which are for the page alone."""
        return self._sign({"sub": PAGE_SUBJECT, "scope": SESSIONS_SCOPE})

    def _sign(self, claims: dict[str, Any]) -> str:
        now = int(time.time())
        issued = {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + LIFETIME_S}
        return jwt.encode(claims | issued, self._key, algorithm=ALGORITHM)


class PublicKey:
    """What verifies the page's tokens: one key, or several while a new one takes the place of an old one."""

    def __init__(self, *keys: Ed25519PublicKey) -> None:
        self._keys = keys

    @classmethod
    def load(cls, pem: str | None, file: Path) -> Self:
        """What is set as text, one key after the other; or else that of the page's key in the file, which is made if
        need be.

        Raises:
            InvalidSettings: it is no such key, or the file can be neither read nor made.
        """
        if pem is None:
            return cls(_private(_of_file(file), f"The file {file}").public_key())
        blocks = _BLOCK.findall(_lines(pem))
        if not blocks:
            raise InvalidSettings("FASTAGENCY_PAGE_PUBLIC_KEY is no public key in the form of PEM.")
        return cls(*map(_public, blocks))

    def pem(self) -> bytes:
        """As text for FASTAGENCY_PAGE_PUBLIC_KEY."""
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return b"".join(key.public_bytes(*form) for key in self._keys)

    def read(self, token: str) -> PageClaims:
        """Verify a token and read it.

        Raises:
            InvalidToken: the page did not sign it, it is too old, or it is not understood.
        """
        for key in self._keys:
            try:
                return _claims(_decoded(token, key))
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, TypeError, ValueError):
                break
        raise InvalidToken("This is no valid token of the page: it may be too old, or of another page.")


def _decoded(token: str, key: Ed25519PublicKey) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[ALGORITHM],
        audience=AUDIENCE,
        issuer=ISSUER,
        leeway=LEEWAY_S,
        options={"require": ["exp", "iat", "sub", "iss", "aud"]},
    )
    if claims["exp"] - claims["iat"] > LIFETIME_S:
        raise InvalidToken("A token of the page lives for a minute, and this one for longer.")
    return claims


def _claims(claims: dict[str, Any]) -> PageClaims:
    scope = claims.get("scope")
    if scope is not None:
        return PageClaims(user=None, scope=str(scope))
    user = User(
        id=claims["sub"],
        name=claims.get("name"),
        email=claims.get("email"),
        roles=claims.get("roles", frozenset()),
    )
    session = claims.get("sid")
    return PageClaims(user=user, session=None if session is None else str(session))


_BLOCK = re.compile(r"-----BEGIN [^-]+-----.+?-----END [^-]+-----", re.DOTALL)


def _lines(pem: str) -> str:
    """As a variable may hold it that has no room for line breaks."""
    return pem.replace("\\n", "\n")


def _public(pem: str) -> Ed25519PublicKey:
    name = "FASTAGENCY_PAGE_PUBLIC_KEY"
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except ValueError:
        raise InvalidSettings(f"{name} is no public key in the form of PEM.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidSettings(f"{name} is a public key, but not one of Ed25519.")
    return key


def _private(pem: bytes, what: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise InvalidSettings(f"{what} is no private key in the form of PEM without a passphrase.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidSettings(f"{what} is a private key, but not one of Ed25519: openssl genpkey -algorithm ed25519")
    return key


def _of_file(file: Path) -> bytes:
    """The content of the file; the first process makes it, and whoever comes second reads what the first has made."""
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            make_once(file, PageKey.generate().pem())
        if sys.platform != "win32" and stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise InvalidSettings(f"The file {file} can be read by others, and holds a key: chmod 600 {file}")
        return file.read_bytes()
    except OSError as error:
        raise InvalidSettings(
            f"The page's key cannot be read from or made in {file.absolute()}: {error.strerror or error}. "
            "FASTAGENCY_PAGE_KEY_FILE names another file."
        ) from None
