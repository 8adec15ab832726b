"""Where people sign in, the backend itself verifies who asks: on HTTP, on streams and on the WebSocket."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from fastagency_backend.web import FastAPIAdapter
from fastagency_shared.connection import BEARER_SUBPROTOCOL, SUBPROTOCOL_V2
from fastagency_shared.page_key import PageKey
from fastagency_shared.user import User
from fastapi import FastAPI
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.integration.server import Client, Socket, serve, settings_in, workflows

KEY = PageKey.generate()
ANNA, BEN = User("anna", "Anna", frozenset({"manager"}), "anna@example.org"), User("ben")
RUN = "0" * 31 + "b"


def app_for(folder: Path, **settings: Any) -> FastAPI:
    public = {"page_public_key": KEY.public.pem().decode(), "page_key_file": folder / "key.pem"}
    app = FastAPI()
    signing_in = settings_in(folder).model_copy(update={"sign_in": "password"} | public | settings)
    app.include_router(FastAPIAdapter(workflows(), settings=signing_in).router)
    return app


def signed(user: User, **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY.for_user(user, **claims)}"}


async def test_a_run_belongs_to_who_the_page_says(tmp_path: Path) -> None:
    with serve(app_for(tmp_path)) as url:
        async with Client(url, headers=signed(ANNA)) as anna, Client(url, headers=signed(BEN)) as ben:
            run = await anna.start("blocking", user_id="ben")
            assert run["user_id"] == "anna"
            async with anna.v2({"workflow_uuid": run["workflow_uuid"], "user_id": "ben"}) as ws:
                await ws.until("multiple_choice")
            assert len((await anna.http.get("/runs")).json()) == 1
            assert (await ben.http.get("/runs")).json() == []
            assert (await ben.http.get(f"/runs/{run['workflow_uuid']}")).status_code == 404
            assert (await ben.http.get(f"/runs/{run['workflow_uuid']}/events")).status_code == 404
            async with ben.v1(run) as ws:
                await ws.rest()
            assert ws.code == 4404


def bad_tokens() -> dict[str, str | None]:
    now = int(time.time())
    claims = {"iss": "fastagency-page", "aud": "fastagency", "sub": "anna", "iat": now, "exp": now + 60}
    return {
        "none": None,
        "empty": "Bearer",
        "basic": "Basic YW5uYTp4",
        "garbage": "Bearer garbage",
        "long garbage": "Bearer " + "x" * 4_000,
        "not latin": "Bearer \u00e4\u00f6",
        "of another key": f"Bearer {PageKey.generate().for_user(ANNA)}",
        "unsigned": f"Bearer {jwt.encode(claims, '', algorithm='none')}",
        "signed with the public key": f"Bearer {jwt.encode(claims, 'x' * 64, algorithm='HS512')}",
        "of the page itself": f"Bearer {KEY.for_sessions()}",
        "too old": f"Bearer {jwt.encode(claims | {'iat': now - 66, 'exp': now - 6}, KEY._key, algorithm='EdDSA')}",
        "for another audience": f"Bearer {jwt.encode(claims | {'aud': 'x'}, KEY._key, algorithm='EdDSA')}",
        "of another issuer": f"Bearer {jwt.encode(claims | {'iss': 'x'}, KEY._key, algorithm='EdDSA')}",
        "of nobody": f"Bearer {jwt.encode(claims | {'sub': ''}, KEY._key, algorithm='EdDSA')}",
    }


async def test_any_other_token_is_refused_everywhere_in_a_sentence(tmp_path: Path) -> None:
    requests: list[tuple[str, str, Any]] = [
        ("GET", "/discovery", None),
        ("POST", "/initiate_workflow", {"workflow_name": "blocking", "user_id": "anna"}),
        ("GET", "/runs", None),
        ("GET", "/runs?user_id=anna", None),
        ("GET", f"/runs/{RUN}", None),
        ("GET", f"/runs/{RUN}/messages", None),
        ("GET", f"/runs/{RUN}/events", None),
        ("POST", f"/runs/{RUN}/answers", {"question": "q", "value": "x"}),
        ("POST", f"/runs/{RUN}/cancel", None),
        ("POST", f"/runs/{RUN}/retry", None),
        ("POST", f"/runs/{RUN}/fork", {"before": "q"}),
        ("PATCH", f"/runs/{RUN}", {"title": "x"}),
        ("DELETE", f"/runs/{RUN}", None),
    ]
    with serve(app_for(tmp_path)) as url, httpx.Client(base_url=f"{url}/fastagency") as http:
        ws_url = f"ws{url.removeprefix('http')}/fastagency/ws"
        for kind, header in bad_tokens().items():
            headers = {} if header is None else {"Authorization": header.encode("latin-1")}
            for method, path, body in requests if kind in ("none", "garbage") else requests[:3]:
                reply = http.request(method, path, json=body, headers=headers)
                assert (kind, path, reply.status_code) == (kind, path, 401)
                assert reply.json()["code"] == "NotSignedIn"
                assert reply.json()["detail"].endswith(".")
                assert reply.headers["WWW-Authenticate"] == "Bearer"
            if kind == "not latin":
                continue  # the client does not send it
            sent = {} if header is None else {"Authorization": header}
            with pytest.raises(InvalidStatus) as refused:
                async with connect(ws_url, additional_headers=sent, compression=None):
                    pass
            assert refused.value.response.status_code == 401, kind
            assert b'"NotSignedIn"' in refused.value.response.body


async def test_a_browser_sends_its_token_as_a_subprotocol(tmp_path: Path) -> None:
    with serve(app_for(tmp_path)) as url:
        async with Client(url, headers=signed(ANNA)) as anna:
            run = await anna.start("blocking")
            first = {"workflow_uuid": run["workflow_uuid"]}
            for offered in (
                [SUBPROTOCOL_V2, BEARER_SUBPROTOCOL + KEY.for_user(ANNA)],
                [BEARER_SUBPROTOCOL + KEY.for_user(ANNA), SUBPROTOCOL_V2],
            ):
                async with connect(anna.ws_url, subprotocols=offered) as ws:
                    assert ws.subprotocol == SUBPROTOCOL_V2, "the token is never sent back"
                    await (await Socket(ws).say(first)).until("multiple_choice")
            with pytest.raises(InvalidStatus) as refused:
                async with connect(anna.ws_url, subprotocols=[SUBPROTOCOL_V2, BEARER_SUBPROTOCOL + "garbage"]):
                    pass
            assert refused.value.response.status_code == 401


async def test_what_needs_no_sign_in(tmp_path: Path) -> None:
    with serve(app_for(tmp_path)) as url:
        assert httpx.get(f"{url}/fastagency/health").status_code == 200
        schema = httpx.get(f"{url}/openapi.json").json()
    [(_, scheme)] = schema["components"]["securitySchemes"].items()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert ("security" in operation) == (not path.endswith("/health")), path


async def test_the_key_is_made_at_the_first_start(tmp_path: Path) -> None:
    with serve(app_for(tmp_path, page_public_key=None)) as url:
        token = PageKey.load(None, tmp_path / "key.pem").for_user(ANNA)
        reply = httpx.get(f"{url}/fastagency/runs", headers={"Authorization": f"Bearer {token}"})
        assert (reply.status_code, reply.json()) == (200, [])


async def test_the_private_key_alone_will_do(tmp_path: Path) -> None:
    from pydantic import SecretStr

    settings = {"page_public_key": None, "page_key": SecretStr(KEY.pem().decode())}
    with serve(app_for(tmp_path, **settings)) as url:
        assert httpx.get(f"{url}/fastagency/runs", headers=signed(ANNA)).status_code == 200
    assert not (tmp_path / "key.pem").exists()


async def test_an_application_that_says_who_calls_is_asked_alone(tmp_path: Path) -> None:
    app = FastAPI()
    settings = settings_in(tmp_path).model_copy(update={"sign_in": "oidc", "page_key_file": tmp_path / "key.pem"})
    app.include_router(FastAPIAdapter(workflows(), get_user_id=lambda: "carl", settings=settings).router)
    with serve(app) as url:
        async with Client(url) as client:
            assert (await client.start("blocking"))["user_id"] == "carl"
    assert not (tmp_path / "key.pem").exists()
