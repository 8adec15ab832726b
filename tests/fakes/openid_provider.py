"""A small OpenID provider over HTTP: the code flow with PKCE, one client, and a person who is always signed in there.

It checks what a provider checks (redirect, client, code, verifier), so that the real client code runs against it.
`lies` changes what its ID tokens say.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "the-page", "the secret of the page"


class OpenIDProvider:
    """What the provider knows, and what it has been asked."""

    def __init__(self) -> None:
        self.issuer = ""
        self.key = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})
        self.public_client = False
        self.person: dict[str, Any] = {
            "sub": "7",
            "name": "Anna Smith",
            "email": "anna@example.org",
            "roles": ["manager"],
        }
        self.lies: dict[str, Any] = {}
        self.more: dict[str, Any] = {}
        """What is only said at the userinfo endpoint."""
        self.refusal: str | None = None
        self.signing: tuple[Any, str] | None = None
        self.broken = False
        self._codes: dict[str, dict[str, str]] = {}

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert (query["response_type"], query["client_id"]) == ("code", CLIENT)
        assert query["code_challenge_method"] == "S256"
        assert "openid" in query["scope"].split()
        answer = {"state": query["state"], "iss": self.issuer}
        if self.refusal is not None:
            return f"{query['redirect_uri']}?{urlencode({**answer, 'error': self.refusal})}"
        code = secrets.token_urlsafe()
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({**answer, 'code': code})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """The tokens for a code, once; None if anything does not fit."""
        asked = self._codes.pop(form.get("code", ""), None)
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        known = form.get("client_id") == CLIENT if self.public_client else authorization == f"Basic {basic}"
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        fits = asked is not None and (form.get("redirect_uri"), challenge.decode().rstrip("=")) == (
            asked["redirect_uri"],
            asked["code_challenge"],
        )
        if asked is None or not known or not fits or form.get("grant_type") != "authorization_code":
            return None
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.person,
        }
        claims = {name: value for name, value in (claims | self.lies).items() if value is not None}
        key, algorithm = self.signing or (self.key, "RS256")
        return {
            "access_token": "of-the-person",
            "token_type": "Bearer",
            "id_token": jwt.encode({"alg": algorithm, "kid": "1"}, claims, key),
        }


@contextmanager
def serving() -> Iterator[OpenIDProvider]:
    """The provider on a free port."""
    provider = OpenIDProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            if provider.broken:
                self._answer(503, {})
            elif address.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif address.path == "/userinfo" and self.headers["Authorization"] == "Bearer of-the-person":
                self._answer(200, {**provider.person, **provider.more})
            elif address.path == "/keys":
                self._answer(200, {"keys": [provider.key.as_dict(private=False)]})
            elif address.path == "/.well-known/openid-configuration":
                self._answer(200, provider.metadata())
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            token = provider.token(form, self.headers.get("Authorization", ""))
            self._answer(*((400, {"error": "invalid_grant"}) if token is None else (200, token)))

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
