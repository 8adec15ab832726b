"""Bearer tokens of an identity provider: verified with the keys that it publishes (OpenID Connect Discovery, RFC 7517).

Only what is signed with a private key counts, for this audience. The keys are kept for an hour; a key that is not known
is looked for at once, but not more often than every ten seconds, whatever strangers send.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
from fastagency_shared.claims import user_of_claims
from fastagency_shared.errors import NotSignedIn, SignInUnavailable

from fastagency_backend.people.grant import Grant

logger = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
KEPT_S = 3600.0
LOOK_AT_MOST_EVERY_S = 10.0
TIMEOUT_S = 5.0
LEEWAY_S = 5
MAX_BYTES = 1_048_576
DISCOVERY = "/.well-known/openid-configuration"
INVALID = "This token is not valid here, or not any more: it may be too old, or for another application."


@dataclass(frozen=True)
class Issuer:
    """Whose tokens count: `url` as it names itself, for which audience. `roles_claim` may lead into objects by dots."""

    url: str
    audience: str
    roles_claim: str


class IssuerTokens:
    """Reads the tokens of one issuer. On one event loop."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._looked_at = self._known_at = float("-inf")
        self._looking = asyncio.Lock()

    async def read(self, token: str) -> Grant:
        """Raises `NotSignedIn`, or `SignInUnavailable`: the provider does not say by which keys it signs."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = await self._key(kid)
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.issuer.audience,
                issuer=self.issuer.url,
                leeway=LEEWAY_S,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
            user = user_of_claims(self.issuer.url, claims, self.issuer.roles_claim)
            return Grant(user, until=float(claims["exp"]) + LEEWAY_S)
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            logger.info("A token was refused: %s", error)
            raise NotSignedIn(INVALID) from None

    async def _key(self, kid: str | None) -> jwt.PyJWK:
        """Raises `jwt.PyJWTError`: there is none of that name."""
        async with self._looking:
            now = time.monotonic()
            unknown = kid not in self._keys or now - self._known_at >= KEPT_S
            if unknown and now - self._looked_at >= LOOK_AT_MOST_EVERY_S:
                self._looked_at = now
                await self._look()
        if not self._keys:
            raise SignInUnavailable("The identity provider does not answer at the moment. Try again in a little while.")
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        if kid not in self._keys:
            raise jwt.PyJWTError(f"there is no key {str(kid)[:100]!r}")
        return self._keys[kid]

    async def _look(self) -> None:
        """Keeps the keys that are known when the provider does not answer, or not in a way that is understood."""
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as http:
                about = await _json(http, self.issuer.url.rstrip("/") + DISCOVERY)
                found = await _json(http, _address_of_keys(about, self.issuer.url))
            self._keys = dict(_readable(found))
            self._known_at = time.monotonic()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, AttributeError) as error:
            logger.warning("The keys of the identity provider %s could not be read: %s", self.issuer.url, error)


async def _json(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    async with http.stream("GET", url) as reply:
        reply.raise_for_status()
        body = b""
        async for part in reply.aiter_bytes():
            body += part
            if len(body) > MAX_BYTES:
                raise ValueError(f"{url} has more than {MAX_BYTES} bytes")
    found = httpx.Response(200, content=body).json()
    if not isinstance(found, dict):
        raise TypeError(f"{url} is no JSON object")
    return found


def _address_of_keys(about: dict[str, Any], issuer: str) -> str:
    if about.get("issuer") != issuer:
        raise ValueError(f"it calls itself {about.get('issuer')!r}")
    url = about.get("jwks_uri")
    if not isinstance(url, str) or (issuer.startswith("https://") and not url.startswith("https://")):
        raise ValueError(f"its jwks_uri is {url!r}")
    return url


def _readable(found: dict[str, Any]) -> list[tuple[str | None, jwt.PyJWK]]:
    """The public keys for signatures; what is of another kind is passed over."""
    keys: list[tuple[str | None, jwt.PyJWK]] = []
    for each in found["keys"]:
        if each.get("use", "sig") != "sig" or each.get("kty") == "oct":
            continue
        try:
            key = jwt.PyJWK(each)
        except jwt.PyJWTError as error:
            logger.debug("A key of the identity provider is passed over: %s", error)
            continue
        if key.algorithm_name in ALGORITHMS:
            keys.append((key.key_id, key))
    return keys
