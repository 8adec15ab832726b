"""An identity provider: it publishes its keys, and signs what it is told to. Real HTTP, real signatures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import FastAPI, Response
from jwt.algorithms import RSAAlgorithm

from tests.integration.server import serve

AUDIENCE = "agents"


class IdentityProvider:
    """`keys` are published, by their ids; `asked`: how often they were read; `down`: it answers nothing that helps."""

    def __init__(self) -> None:
        self.url = ""
        self.keys = {"first": rsa.generate_private_key(65537, 2048)}
        self.asked = 0
        self.down = False
        self.extra: list[dict[str, Any]] = []

    def token(self, sub: str = "7", *, kid: str | None = "first", key: Any = None, **claims: Any) -> str:
        now = int(time.time())
        said = {"iss": self.url, "aud": AUDIENCE, "sub": sub, "iat": now, "exp": now + 300} | claims
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key or self.keys[kid or "first"], "RS256", headers={"kid": kid} if kid else None)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def about(response: Response) -> dict[str, str]:
            response.status_code = 503 if self.down else 200
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

        @app.get("/keys")
        def keys() -> dict[str, Any]:
            self.asked += 1
            published = [
                {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}
                for kid, key in self.keys.items()
            ]
            return {"keys": self.extra + published}

        return app


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    with serve(provider.app()) as url:
        provider.url = url
        yield provider
