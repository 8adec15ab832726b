"""Who is let in before anybody asks who calls: by name, by origin, and by where the request comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastagency_backend.settings import BackendSettings
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import AsyncUI, Workflow
from fastapi import FastAPI

FOLDER = "/fastagency"
HERE, ELSEWHERE = "127.0.0.1", "10.0.0.9"
RUN = f"{FOLDER}/runs/{'0' * 32}"
CHANGES = [
    ("POST", f"{FOLDER}/initiate_workflow"),
    ("POST", f"{RUN}/answers"),
    ("POST", f"{RUN}/cancel"),
    ("POST", f"{RUN}/retry"),
    ("POST", f"{RUN}/fork"),
    ("PATCH", RUN),
    ("DELETE", RUN),
]

wf = Workflow()


@wf.register(name="chat", description="Talk.")
async def chat(ui: AsyncUI, params: dict[str, Any]) -> str:
    return "done"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


async def ask(
    folder: Path,
    method: str,
    path: str,
    *,
    peer: str = HERE,
    headers: dict[str, str] | None = None,
    get_user_id: Any = None,
    content: bytes | None = None,
    **settings: Any,
) -> httpx.Response:
    found = BackendSettings(database=folder / "runs.sqlite3", database_synchronous="NORMAL", **settings)
    adapter = FastAPIAdapter(wf, settings=found, get_user_id=get_user_id)
    app = FastAPI()
    app.include_router(adapter.router)
    transport = httpx.ASGITransport(app, client=(peer, 1))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8008") as client:
            return await client.request(method, path, headers=headers, content=content)
    finally:
        if adapter._engine is not None:
            await adapter._engine.stop()


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8008", "10.0.0.1:1", "backend", "", "localhost.evil"])
async def test_a_name_that_is_not_ours_is_refused_on_every_method(folder: Path, host: str) -> None:
    for method, path in [("GET", f"{FOLDER}/discovery"), *CHANGES]:
        reply = await ask(folder, method, path, headers={"Host": host})
        assert (reply.status_code, reply.json()["code"]) == (400, "HostRefused"), path
        assert "FASTAGENCY_ALLOWED_HOSTS" in reply.json()["detail"]


@pytest.mark.parametrize(
    "host", ["localhost:8008", "127.0.0.1", "[::1]:8008", "testserver", "backend:8008", "a.b.test"]
)
async def test_loopback_the_test_client_and_what_is_listed_are_names_of_ours(folder: Path, host: str) -> None:
    reply = await ask(folder, "GET", f"{FOLDER}/discovery", headers={"Host": host}, allowed_hosts="backend, *.b.test")
    assert reply.status_code == 200


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://evil.example", "null", "http://localhost"])
@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_another_sites_page_changes_nothing(folder: Path, method: str, path: str, origin: str) -> None:
    reply = await ask(folder, method, path, headers={"Origin": origin})
    assert (reply.status_code, reply.json()["code"]) == (403, "OriginRefused")
    assert "FASTAGENCY_ALLOWED_ORIGINS" in reply.json()["detail"]


@pytest.mark.parametrize("origin", ["http://localhost:8008", "https://app.example.org", "http://LOCALHOST:3000"])
async def test_its_own_page_and_listed_ones_may(folder: Path, origin: str) -> None:
    listed = "https://app.example.org:443, http://localhost:3000"
    reply = await ask(
        folder,
        "POST",
        f"{FOLDER}/initiate_workflow",
        headers={"Origin": origin, "Content-Type": "application/json"},
        content=b'{"workflow_name": "chat"}',
        allowed_origins=listed,
    )
    assert reply.status_code == 200


async def test_reading_is_left_to_the_browsers_own_rule(folder: Path) -> None:
    reply = await ask(folder, "GET", f"{FOLDER}/discovery", headers={"Origin": "https://evil.example"})
    assert reply.status_code == 200
    assert "access-control-allow-origin" not in reply.headers


FORWARDED = [
    {"X-Forwarded-For": "10.0.0.9"},
    {"X-Forwarded-Proto": "https"},
    {"Forwarded": "for=10.0.0.9"},
    {"X-Real-IP": "10.0.0.9"},
]


@pytest.mark.parametrize(("peer", "headers"), [(ELSEWHERE, {}), *((HERE, each) for each in FORWARDED)])
async def test_without_a_sign_in_only_this_machine_is_served(folder: Path, peer: str, headers: dict[str, str]) -> None:
    for method, path in [("GET", f"{FOLDER}/discovery"), ("GET", RUN), *CHANGES]:
        reply = await ask(folder, method, path, peer=peer, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (403, "AnonymousRefused"), path
        assert "FASTAGENCY_ALLOW_ANONYMOUS=1" in reply.json()["detail"]


@pytest.mark.parametrize("how", [{"allow_anonymous": True}, {"get_user_id": lambda: "ann"}])
@pytest.mark.parametrize(("peer", "headers"), [(ELSEWHERE, {}), *((HERE, each) for each in FORWARDED)])
async def test_a_sign_in_or_the_setting_lets_others_in(
    folder: Path, how: dict[str, Any], peer: str, headers: dict[str, str]
) -> None:
    assert (await ask(folder, "GET", f"{FOLDER}/discovery", peer=peer, headers=headers, **how)).status_code == 200


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "testclient"])
async def test_this_machine_is_served(folder: Path, peer: str) -> None:
    assert (await ask(folder, "GET", f"{FOLDER}/discovery", peer=peer)).status_code == 200


async def test_whoever_watches_the_process_may_ask_from_anywhere_by_any_name(folder: Path) -> None:
    headers = {"Host": "10.1.2.3:8008", "X-Forwarded-For": "10.0.0.9"}
    for path in (f"{FOLDER}/health", "/metrics"):
        reply = await ask(folder, "GET", path, peer=ELSEWHERE, headers=headers, metrics_path="/metrics")
        assert reply.status_code == 200
