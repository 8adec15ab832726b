"""Bearer tokens: what each kind of them proves. The page signs one for each request; others know other kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt
from fastagency_shared.errors import NotSignedIn
from fastagency_shared.page_key import SESSIONS_SCOPE, InvalidToken, PageClaims, PublicKey

from fastagency_backend.people.grant import Grant
from fastagency_backend.people.token import PREFIX, ApiTokens

if TYPE_CHECKING:
    from fastagency_backend.people.oidc import IssuerTokens

MISSING = "Nobody is signed in here. Sign in, or send a token: 'Authorization: Bearer ...'."
INVALID = "This token is not valid, or not any more. Sign in again."
MAX_CHARS = 16_384


class Bearers:
    """Reads tokens: of the page, of people's own, and, if there is one, of an identity provider."""

    def __init__(self, page: PublicKey, own: ApiTokens, issuer: IssuerTokens | None = None) -> None:
        self._page, self._own, self._issuer = page, own, issuer

    async def read(self, token: str | None) -> Grant:
        """Raises `NotSignedIn`: there is none, or it proves nothing."""
        if not token:
            raise NotSignedIn(MISSING)
        if len(token) > MAX_CHARS:
            raise NotSignedIn(INVALID)
        if token.startswith(PREFIX):
            return await self._own.read(token)
        if self._issuer is not None and _says_to_be_of(token) == self._issuer.issuer.url:
            return await self._issuer.read(token)
        claims = self._claims(token)
        if claims.user is None:
            raise NotSignedIn(INVALID)
        return Grant(claims.user, claims.session)

    def check_page(self, token: str | None) -> None:
        """Raises `NotSignedIn` unless it is the page itself that asks, to look after its sessions."""
        if not token or self._claims(token).scope != SESSIONS_SCOPE:
            raise NotSignedIn("This is for the page alone, which signs its requests with its key.")

    def _claims(self, token: str) -> PageClaims:
        try:
            return self._page.read(token)
        except InvalidToken:
            raise NotSignedIn(INVALID) from None


def _says_to_be_of(token: str) -> object:
    """The issuer that a token names, before anything of it is verified."""
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, TypeError, ValueError):
        return None
