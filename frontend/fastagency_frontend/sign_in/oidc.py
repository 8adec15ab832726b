"""`OpenIDConnect`: people sign in at an identity provider, with the code flow and PKCE.

The browser is sent there and comes back with a code, for which this process gets an ID token from the provider itself.
Who somebody is, is the issuer and the subject together, which no other provider and no change of name can take over.
https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, RFC 7636 (PKCE), RFC 9207 (issuer in the answer)
"""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from fastagency_shared.claims import claim_at, user_of_claims
from fastagency_shared.errors import FastAgencyError, InvalidSettings
from fastagency_shared.extras import extra
from fastagency_shared.user import User

from fastagency_frontend.sign_in.base import Accepted, Elsewhere, Environ, Form, Refused, Visit

DISCOVERY = "/.well-known/openid-configuration"
DEFAULT_SCOPE = "openid profile email"
METADATA_S = 3600.0
KEYS_S = 60.0
"""Keys that are older are read again for a token that is signed by none of them."""
TIMEOUT_S = 10.0
MAX_BYTES = 1_000_000
LEEWAY_S = 60
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Those with a public key: with the others, the token would be signed with our own secret."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")

AWAY = "The service that signs people in cannot be reached at the moment. Please try again."
STALE = "This attempt to sign in is too old, or was begun in another browser. Please try again."
NOT_FOR_YOU = "The service that signs people in did not let you in. Please try again."
NOT_UNDERSTOOD = (
    "The service that signs people in gave an answer that does not fit. Please tell whoever runs this page."
)

logger = logging.getLogger(__name__)


class _Unfit(FastAgencyError):
    """The provider's answer cannot be accepted; the reason is for the log."""


class OpenIDConnect:
    """Sign-in at an identity provider that speaks OpenID Connect.

    Args:
        issuer: its address, as it names itself: `https://login.example.org/realms/staff`.
        client_id: the name of this application there.
        client_secret: its secret; None for a public client.
        roles_claim: where the roles are, such as `groups`; a dot leads into an object (`realm_access.roles`).
        scope: what is asked for.

    Raises:
        InvalidSettings: the issuer is no https address.
    """

    signs_out = True
    sign_out_url: str | None = None
    headers: frozenset[str] = frozenset()

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str | None = None,
        roles_claim: str = "roles",
        *,
        scope: str = DEFAULT_SCOPE,
    ) -> None:
        _check_address(issuer, "The issuer of OpenID Connect")
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._roles_claim = roles_claim
        self._scope = scope
        self._lock = threading.Lock()
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, Any] | None = None

    def check(self) -> None:
        """See `SignIn`. The provider is asked when the first person comes: it may start later than the page."""
        with extra("oidc", needed_by="Signing in with OpenID Connect"):
            import authlib  # noqa: F401
            import httpx  # noqa: F401

    def of_request(self, environ: Environ) -> User | None:
        """See `SignIn`: a request names nobody."""
        return None

    def begin(self, visit: Visit) -> Form | Elsewhere | Refused:
        """See `SignIn`: state, nonce and verifier are new for each attempt."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        try:
            endpoint = self._endpoint("authorization_endpoint")
        except (_Unfit, OSError) as error:
            return _refused(error)
        kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        url = prepare_grant_uri(
            endpoint,
            client_id=self._client_id,
            response_type="code",
            redirect_uri=visit.callback,
            scope=self._scope,
            state=kept["state"],
            nonce=kept["nonce"],
            code_challenge=create_s256_code_challenge(kept["verifier"]),
            code_challenge_method="S256",
        )
        return Elsewhere(url, kept)

    def finish(self, visit: Visit, said: Mapping[str, str], kept: Mapping[str, str]) -> Accepted | Refused:
        """See `SignIn`: `said` is what the provider has put into the address."""
        if not kept.get("state") or not hmac.compare_digest(said.get("state", "").encode(), kept["state"].encode()):
            return Refused(STALE)
        if said.get("iss", self._issuer) != self._issuer:
            return _refused(_Unfit(f"the answer is of another issuer, {said['iss']!r}"))
        if "error" in said or not said.get("code"):
            logger.info("The provider refused: %s", said.get("error", "there is no code"))
            return Refused(NOT_FOR_YOU)
        try:
            return Accepted(self._user(self._claims(visit, said["code"], kept)))
        except (_Unfit, OSError) as error:
            return _refused(error)

    def current(self, user: User) -> User | None:
        """See `SignIn`: the provider is asked again when the session has ended."""
        return user

    # --- the provider ---------------------------------------------------------------------------------------------

    def _claims(self, visit: Visit, code: str, kept: Mapping[str, str]) -> Mapping[str, Any]:
        """What the provider says of the person, verified."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": visit.callback,
            "client_id": self._client_id,
            "code_verifier": kept.get("verifier", ""),
        }
        token = self._ask("POST", self._endpoint("token_endpoint"), **self._as_client(form))
        claims = self._verified(token, kept.get("nonce", ""))
        if claim_at(claims, self._roles_claim) is None or not (claims.get("name") or claims.get("preferred_username")):
            claims = self._with_userinfo(claims, token)
        return claims

    def _as_client(self, form: dict[str, str]) -> dict[str, Any]:
        """The request with our own credentials, in the way that the provider takes them."""
        if self._client_secret is None:
            return {"data": form}
        methods = self._provider().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if "client_secret_basic" in methods:
            return {"data": form, "auth": (self._client_id, self._client_secret)}
        return {"data": {**form, "client_secret": self._client_secret}}

    def _verified(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jws import JWSRegistry

        text = token.get("id_token")
        if not isinstance(text, str) or not nonce:
            raise _Unfit("there is no ID token")
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        try:
            try:
                read = jwt.decode(text, self._key_set(), registry=registry)
            except (JoseError, ValueError):
                read = jwt.decode(text, self._key_set(anew=True), registry=registry)
            claims = CodeIDToken(
                read.claims,
                read.header,
                options={
                    "iss": {"essential": True, "value": self._issuer},
                    "aud": {"essential": True, "value": self._client_id},
                },
                params={"nonce": nonce, "client_id": self._client_id, "access_token": token.get("access_token")},
            )
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _Unfit(f"the ID token is refused: {type(error).__name__}: {error}") from None
        return dict(claims)

    def _with_userinfo(self, claims: Mapping[str, Any], token: Mapping[str, Any]) -> Mapping[str, Any]:
        """Some providers keep ID tokens small, and say the rest when asked."""
        if not self._provider().get("userinfo_endpoint") or not isinstance(token.get("access_token"), str):
            return claims
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        more = self._ask("GET", self._endpoint("userinfo_endpoint"), headers=bearer)
        if more.get("sub") != claims["sub"]:
            raise _Unfit("what is said of the user is said of another one")
        return {**more, **claims}

    def _user(self, claims: Mapping[str, Any]) -> User:
        try:
            return user_of_claims(self._issuer, claims, self._roles_claim)
        except ValueError as error:
            raise _Unfit(str(error)) from None

    def _endpoint(self, name: str) -> str:
        address = self._provider().get(name)
        if not isinstance(address, str):
            raise _Unfit(f"it has no {name}")
        try:
            _check_address(address, name)
        except InvalidSettings as error:
            raise _Unfit(str(error)) from None
        return address

    def _provider(self) -> Mapping[str, Any]:
        with self._lock:
            known = self._metadata
        if known is not None and time.monotonic() - known[0] < METADATA_S:
            return known[1]
        found = self._ask("GET", self._issuer.rstrip("/") + DISCOVERY)
        if found.get("issuer") != self._issuer:
            raise _Unfit(f"it calls itself {found.get('issuer')!r}, not {self._issuer!r}")
        with self._lock:
            self._metadata = (time.monotonic(), found)
        return found

    def _key_set(self, *, anew: bool = False) -> Any:
        from joserfc.jwk import KeySet

        with self._lock:
            known = self._keys
        age_s = time.monotonic() - known[0] if known is not None else METADATA_S
        if known is not None and age_s < (KEYS_S if anew else METADATA_S):
            return known[1]
        found: Any = KeySet.import_key_set(self._ask("GET", self._endpoint("jwks_uri")))  # type: ignore[arg-type]
        with self._lock:
            self._keys = (time.monotonic(), found)
        return found

    def _ask(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        """One request to the provider; redirects are not followed, so that no secret goes elsewhere."""
        import httpx

        try:
            with httpx.Client(timeout=TIMEOUT_S) as client:
                reply = client.request(method, url, **options)
        except httpx.HTTPError as error:
            raise OSError(f"{url}: {type(error).__name__}: {error}") from None
        if reply.status_code >= 500:
            raise OSError(f"{url} answers {reply.status_code}")
        try:
            found = reply.json() if len(reply.content) <= MAX_BYTES else None
        except ValueError:
            found = None
        if reply.status_code != 200 or not isinstance(found, dict):
            raise _Unfit(f"{url} answers {reply.status_code} {_error_of(found)}")
        return found


def _refused(error: Exception) -> Refused:
    logger.warning("Nobody can sign in with OpenID Connect: %s", error)
    if isinstance(error, OSError):
        return Refused(AWAY, "502 Bad Gateway")
    return Refused(NOT_UNDERSTOOD, "502 Bad Gateway")


def _check_address(address: str, what: str) -> None:
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return
    raise InvalidSettings(f"{what} must be an https address, not {address!r}.")


def _error_of(found: object) -> str:
    error = found.get("error") if isinstance(found, dict) else None
    return error[:100] if isinstance(error, str) else ""
