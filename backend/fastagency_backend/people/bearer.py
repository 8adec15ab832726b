"""Bearer tokens: what each kind of them proves. The page signs one for each request; others know other kinds."""

from __future__ import annotations

from fastagency_shared.errors import NotSignedIn
from fastagency_shared.page_key import SESSIONS_SCOPE, InvalidToken, PageClaims, PublicKey

from fastagency_backend.people.grant import Grant

MISSING = "Nobody is signed in here. Sign in, or send a token: 'Authorization: Bearer ...'."
INVALID = "This token is not valid, or not any more. Sign in again."


class Bearers:
    """Reads tokens."""

    def __init__(self, page: PublicKey) -> None:
        self._page = page

    async def read(self, token: str | None) -> Grant:
        """Raises `NotSignedIn`: there is none, or it proves nothing."""
        if token is None:
            raise NotSignedIn(MISSING)
        claims = self._claims(token)
        if claims.user is None:
            raise NotSignedIn(INVALID)
        return Grant(claims.user, claims.session)

    def check_page(self, token: str | None) -> None:
        """Raises `NotSignedIn` unless it is the page itself that asks, to look after its sessions."""
        if token is None or self._claims(token).scope != SESSIONS_SCOPE:
            raise NotSignedIn("This is for the page alone, which signs its requests with its key.")

    def _claims(self, token: str) -> PageClaims:
        try:
            return self._page.read(token)
        except InvalidToken:
            raise NotSignedIn(INVALID) from None
