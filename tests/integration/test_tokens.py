"""Custom clients: personal API tokens, and bearer tokens of an identity provider that the test starts."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from fastagency_backend.assembly import opened
from fastagency_backend.people import holding, oidc
from fastagency_backend.web import runs, socket
from fastagency_frontend.command.main import main
from fastagency_shared.connection import BEARER_SUBPROTOCOL, SUBPROTOCOL_V2
from fastagency_shared.errors import InvalidSettings
from fastagency_shared.user import User
from fastapi import FastAPI
from websockets.asyncio.client import connect

from tests.fakes.identity_provider import AUDIENCE, IdentityProvider, identity_provider
from tests.integration.server import Client, Socket, serve, settings_in
from tests.integration.test_bearer import ANNA, app_for, signed


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# --- personal API tokens ----------------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """`fastagency ...` on the database of the applications of this module; what it wrote, and its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTAGENCY_DATABASE", str(tmp_path / "runs.sqlite3"))

    def run(*arguments: str) -> tuple[str, int]:
        capsys.readouterr()
        with ThreadPoolExecutor(1) as pool:  # it has an event loop of its own
            code = pool.submit(main, arguments).result()
        said = capsys.readouterr()
        return (said.out if code == 0 else said.err), code

    return run


async def test_a_token_acts_for_its_user_until_it_is_removed(tmp_path: Path, command: Any) -> None:
    with serve(app_for(tmp_path)) as url:
        assert httpx.get(f"{url}/fastagency/runs", headers=signed(ANNA)).status_code == 200, "is in the directory"
        secret, _ = command("token", "add", "anna", "--name", "nightly")
        secret = secret.strip()
        assert re.fullmatch(r"fastagency_[\w-]{43}", secret)
        async with Client(url, headers=bearing(secret)) as client:
            run = await client.start("blocking", user_id="ben")
            assert run["user_id"] == "anna"
            async with client.v2({"workflow_uuid": run["workflow_uuid"]}) as ws:
                await ws.until("multiple_choice")
            offered: Any = [SUBPROTOCOL_V2, BEARER_SUBPROTOCOL + secret]
            async with connect(client.ws_url, subprotocols=offered) as plain:
                await (await Socket(plain).say({"workflow_uuid": run["workflow_uuid"]})).until("multiple_choice")
            async with client.http.stream("GET", f"/runs/{run['workflow_uuid']}/events") as events:
                assert events.status_code == 200
            listed, _ = command("token", "list")
            assert "anna  'nightly'  made 20" in listed
            assert "expires never, used 20" in listed
            assert secret not in listed
            assert command("token", "list", "ben") == ("", 0)
            assert command("token", "remove", listed.split()[0]) == ("", 0)
            reply = await client.http.get("/runs")
            assert (reply.status_code, reply.json()["code"]) == (401, "NotSignedIn")
    said, code = command("token", "remove", listed.split()[0])
    assert (code, "There is no token" in said) == (1, True)
    assert command("audit", "verify")[0].startswith("The 2 entries of the audit log are a whole chain. It ends with 2:")


async def test_a_token_that_has_expired_is_refused(tmp_path: Path, command: Any) -> None:
    secret, _ = command("token", "add", "anna", "--name", "short", "--days", "0.000001")
    time.sleep(0.1)
    with serve(app_for(tmp_path)) as url:
        for token in (secret.strip(), "fastagency_" + "x" * 43, "fastagency_"):
            assert httpx.get(f"{url}/fastagency/runs", headers=bearing(token)).status_code == 401


async def test_what_a_token_has_open_ends_with_it(
    tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "LOOK_EVERY_S", 0.05)
    for module in (runs, socket):
        monkeypatch.setattr(module, "HEARTBEAT_S", 0.05)
    secret = command("token", "add", "anna", "--name", "nightly")[0].strip()
    with serve(app_for(tmp_path)) as url:
        async with Client(url, headers=bearing(secret)) as client:
            run = await client.start("blocking")
            async with client.v2({"workflow_uuid": run["workflow_uuid"]}) as ws:
                await ws.until("multiple_choice")
                command("token", "remove", command("token", "list")[0].split()[0])
                await ws.rest()
                assert ws.code == 4401


async def test_the_database_knows_no_token(tmp_path: Path, command: Any) -> None:
    secret = command("token", "add", "anna", "--name", "nightly")[0].strip()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert b"nightly" in kept
    assert secret.removeprefix("fastagency_").encode() not in kept


# --- an identity provider ---------------------------------------------------------------------------------------------


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as started:
        yield started


def trusting(folder: Path, provider: IdentityProvider, **settings: Any) -> FastAPI:
    options = {"oidc_issuer": provider.url, "oidc_audience": AUDIENCE, "oidc_roles_claim": "realm.roles"}
    return app_for(folder, sign_in="oidc", **(options | settings))


async def test_a_token_of_the_provider_says_who_asks(tmp_path: Path, provider: IdentityProvider) -> None:
    with serve(trusting(tmp_path, provider)) as url:
        anna: Any = {"name": "Anna", "email": "anna@example.org", "realm": {"roles": ["manager", 7]}}
        token = provider.token(**anna)
        async with Client(url, headers=bearing(token)) as client:
            run = await client.start("blocking")
            assert run["user_id"] == f"{provider.url}|7", "a subject alone may be another person elsewhere"
            async with client.v1(run) as ws:
                await ws.until("multiple_choice")
            without_kid = bearing(provider.token(kid=None, **anna))
            assert (await client.http.get("/runs", headers=without_kid)).status_code == 200
    assert provider.asked == 1, "the keys are kept"
    async with opened(settings_in(tmp_path)) as store:
        record = await store.get_run(run["workflow_uuid"])
        person = await store.people.person(run["user_id"])
    assert record is not None
    assert person is not None
    assert record.user == person.user == User(run["user_id"], "Anna", frozenset({"manager"}), "anna@example.org")


async def test_an_address_that_the_provider_has_not_verified_is_not_taken(
    tmp_path: Path, provider: IdentityProvider
) -> None:
    with serve(trusting(tmp_path, provider)) as url:
        token = provider.token(email="boss@example.org", email_verified=False)
        assert httpx.get(f"{url}/fastagency/runs", headers=bearing(token)).status_code == 200
    async with opened(settings_in(tmp_path)) as store:
        person = await store.people.person(f"{provider.url}|7")
    assert person is not None
    assert person.user.email is None


async def test_other_tokens_are_refused(tmp_path: Path, provider: IdentityProvider) -> None:
    now = int(time.time())
    stranger = IdentityProvider()
    with serve(trusting(tmp_path, provider)) as url:
        stranger.url = provider.url
        for kind, token in {
            "another audience": provider.token(aud="another"),
            "another issuer": provider.token(iss=provider.url + "/"),
            "too old": provider.token(iat=now - 600, exp=now - 300),
            "for ever": provider.token(exp=None),
            "nobody": provider.token(sub=""),
            "no subject": provider.token(sub=None),
            "a number": provider.token(sub=7),
            "of a stranger": stranger.token(),
            "of an unknown key": provider.token(kid="first", key=stranger.keys["first"]),
            "unsigned": jwt.encode({"iss": provider.url, "aud": AUDIENCE, "sub": "7", "exp": now + 60}, "", "none"),
            "by a secret": jwt.encode({"iss": provider.url, "aud": AUDIENCE, "sub": "7", "exp": now + 60}, "x" * 64),
            "garbage": "a.b.c",
        }.items():
            reply = httpx.get(f"{url}/fastagency/runs", headers=bearing(token))
            assert (kind, reply.status_code) == (kind, 401)
            assert reply.json()["code"] == "NotSignedIn"


async def test_a_new_key_is_found_but_not_looked_for_all_the_time(
    tmp_path: Path, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(oidc.time, "monotonic", lambda: clock[0])
    tokens = oidc.IssuerTokens(oidc.Issuer(provider.url, AUDIENCE, "roles"))
    stranger = IdentityProvider().keys["first"]
    provider.extra = [{"kty": "oct", "k": "eHh4", "kid": "secret"}, {"kty": "RSA", "use": "enc", "kid": "enc"}]

    async def status(token: str) -> bool:
        try:
            await tokens.read(token)
        except oidc.NotSignedIn:
            return False
        return True

    assert await status(provider.token())
    for number in range(50):
        clock[0] += 0.1
        assert not await status(provider.token(kid=f"made up {number}", key=stranger))
    assert provider.asked == 1
    provider.keys["second"] = stranger
    assert not await status(provider.token(kid="second")), "so soon after the last look"
    clock[0] += 10.0
    assert await status(provider.token(kid="second"))
    assert provider.asked == 2
    del provider.keys["first"]
    clock[0] += 3600.0
    assert await status(provider.token(kid="second"))
    assert not await status(provider.token(kid="first", key=stranger)), "it is not published any more"


async def test_a_provider_that_does_not_answer(
    tmp_path: Path, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "LOOK_AT_MOST_EVERY_S", 0.0)
    monkeypatch.setattr(oidc, "KEPT_S", 0.0)
    provider.down = True
    with serve(trusting(tmp_path, provider)) as url:
        reply = httpx.get(f"{url}/fastagency/runs", headers=bearing(provider.token()))
        assert (reply.status_code, reply.json()["code"]) == (503, "SignInUnavailable")
        assert "Retry-After" in reply.headers
        assert httpx.get(f"{url}/fastagency/runs", headers=signed(ANNA)).status_code == 200, "the page's tokens go on"
        provider.down = False
        assert httpx.get(f"{url}/fastagency/runs", headers=bearing(provider.token())).status_code == 200
        provider.down = True
        assert httpx.get(f"{url}/fastagency/runs", headers=bearing(provider.token())).status_code == 200, "it is known"


async def test_only_with_an_audience_do_tokens_of_the_provider_count(
    tmp_path: Path, provider: IdentityProvider
) -> None:
    with serve(trusting(tmp_path, provider, oidc_audience=None)) as url:
        assert httpx.get(f"{url}/fastagency/runs", headers=bearing(provider.token())).status_code == 401
    assert provider.asked == 0
    with pytest.raises(InvalidSettings, match="FASTAGENCY_OIDC_AUDIENCE is set, but not FASTAGENCY_OIDC_ISSUER"):
        trusting(tmp_path, provider, oidc_issuer=None)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_check_says_who_calls(command: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTAGENCY_SIGN_IN", "password")
    from fastagency_backend.command import backend_checks

    [finding] = [each for each in backend_checks() if each.about == "who calls"]
    assert (finding.state, finding.sentence) == (
        "fine",
        "FASTAGENCY_SIGN_IN=password: the page's tokens say who calls, and API tokens.",
    )
