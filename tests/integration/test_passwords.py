"""A password is nowhere to be found, however a run goes: not in the database or a backup, in messages or in logs."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.assembly import vault_for
from fastagency_backend.engine.rehearsal import rehearse_all
from fastagency_backend.store import SqliteStore
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.sqlite.backup import back_up
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import AsyncUI, Workflow
from fastapi import FastAPI

from tests.integration.server import Client, Frame, serve, settings_in

PASSWORD = "correct-horse-battery-staple"


def workflows(used: list[str]) -> Workflow:
    wf = Workflow()

    @wf.register(name="secret", description="Asks for a password")
    async def secret(ui: AsyncUI, params: dict[str, Any]) -> str:
        password = await ui.text_input(prompt="password?", password=True)
        used.append(password)
        await ui.text_input(prompt="go on?")
        if params.get("fail"):
            params.clear()
            raise RuntimeError("cannot")
        return f"{len(password)} characters"

    return wf


def app_in(folder: Path, used: list[str], **settings: Any) -> FastAPI:
    app = FastAPI()
    found = settings_in(folder).model_copy(update={"log_level": "DEBUG", **settings})
    app.include_router(FastAPIAdapter(workflows(used), settings=found).router)
    return app


def found_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]


async def answer(client: Client, run: Frame, value: str) -> None:
    info = await client.status(run, "waiting")
    async with asyncio.timeout(60):
        while not (questions := (await client.info(run))["questions"]):
            await asyncio.sleep(0.01)
    url = f"/runs/{info['workflow_uuid']}/answers"
    reply = await client.http.post(url, json={"question": questions[0]["uuid"], "value": value})
    assert reply.status_code == 204


async def asked_again(client: Client, run: Frame, prompt: str) -> None:
    async with asyncio.timeout(60):
        while [each["content"]["prompt"] for each in (await client.info(run))["questions"]] != [prompt]:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("warm_s", [600.0, 0.0], ids=["warm", "parked"])
async def test_a_password_is_nowhere_and_a_replay_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, warm_s: float
) -> None:
    used: list[str] = []
    backups = tmp_path / "backups"
    backups.mkdir()
    with caplog.at_level(logging.DEBUG):
        with serve(app_in(tmp_path, used, warm_s=warm_s)) as url:
            async with Client(url) as client:
                run = await client.start("secret")
                await asked_again(client, run, "password?")
                await answer(client, run, PASSWORD)
                await asked_again(client, run, "go on?")
                back_up(tmp_path / "runs.sqlite3", backups / "runs.sqlite3")
                assert found_in(tmp_path) == []
        with serve(app_in(tmp_path, used)) as url:  # another process: the run is replayed
            async with Client(url) as client:
                await answer(client, run, "yes")
                assert (await client.status(run, "completed"))["result"] == f"{len(PASSWORD)} characters"
                assert PASSWORD not in str(await client.log(run))
    assert used
    assert set(used) == {PASSWORD}
    assert found_in(tmp_path) == []
    assert PASSWORD not in caplog.text
    assert sealed_in(tmp_path / "runs.sqlite3") == ["blanked"]
    assert sealed_in(backups / "runs.sqlite3")[0].startswith("sealed:1:")
    (backups / "runs.sqlite3").unlink()
    assert b"sealed:1:" not in (tmp_path / "runs.sqlite3").read_bytes()  # not even where it was


def sealed_in(database: Path) -> list[str]:
    with sqlite3.connect(database) as db:
        return [value for (value,) in db.execute("SELECT value FROM question WHERE body LIKE '%\"password\":true%'")]


async def test_a_failed_run_that_is_tried_again_asks_again(tmp_path: Path) -> None:
    used: list[str] = []
    with serve(app_in(tmp_path, used)) as url:
        async with Client(url) as client:
            run = await client.start("secret", fail=True)
            for value in (PASSWORD, "yes"):
                await answer(client, run, value)
                await asyncio.sleep(0)
            await client.status(run, "failed")
            assert sealed_in(tmp_path / "runs.sqlite3") == ["blanked"]
            await client.http.post(f"/runs/{run['workflow_uuid']}/retry")
            await asked_again(client, run, "password?")
            await answer(client, run, "another")
            await client.status(run, "failed")
    assert used == [PASSWORD, "another"]


async def test_the_replay_before_a_deploy_has_the_password(tmp_path: Path) -> None:
    used: list[str] = []
    with serve(app_in(tmp_path, used)) as url:
        async with Client(url) as client:
            run = await client.start("secret")
            await answer(client, run, PASSWORD)
            await asked_again(client, run, "go on?")
    used.clear()
    vault = vault_for(settings_in(tmp_path))
    store = SqliteStore(tmp_path / "runs.sqlite3")
    await store.open(Deaf())
    try:
        verdicts = [each async for each in rehearse_all(store, workflows(used).specs, ended=False, vault=vault)]
    finally:
        await store.close()
    assert [verdict.kind for verdict in verdicts] == ["ok"]
    assert used == [PASSWORD]


async def test_a_stopped_run_keeps_no_password(tmp_path: Path) -> None:
    with serve(app_in(tmp_path, [])) as url:
        async with Client(url) as client:
            run = await client.start("secret")
            await answer(client, run, PASSWORD)
            await asked_again(client, run, "go on?")
            await client.http.post(f"/runs/{run['workflow_uuid']}/cancel")
            await client.status(run, "cancelled")
    assert sealed_in(tmp_path / "runs.sqlite3") == ["blanked"]
