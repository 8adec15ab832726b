"""`fastagency user export` and `erase`: everything of one person, in every table and file, while the backend runs."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path
from typing import Annotated

import psycopg
import pytest
from fastagency_backend.assembly import opened
from fastagency_backend.people_command import audit_command, erase_command, export_command
from fastagency_backend.settings import BackendSettings
from fastagency_backend.store.audit import Entry
from fastagency_backend.store.people import ApiToken, NewSession
from fastagency_backend.store.people_sql import OF_NOBODY, OF_PERSON, OF_RUN
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import AsyncUI, Workflow
from fastagency_shared.command import Command
from fastagency_shared.errors import FastAgencyError
from fastagency_shared.user import User
from fastapi import FastAPI, Header

from tests.databases import Database
from tests.integration.server import Client, Frame, serve

MARK = "xq7zz"
"""In everything that is of the person; nothing else has it."""
ANNA = User(f"anna-{MARK}", f"Anna {MARK}", frozenset({f"role-{MARK}"}), f"anna@{MARK}.example.org")
BEN = User("ben-8yyk2", "Ben", frozenset({"admin"}))
PEOPLE = {user.id: user for user in (ANNA, BEN)}
VISITOR = "0123456789abcdef0123456789abcdef"


def workflows() -> Workflow:
    wf = Workflow()

    @wf.register(name="talk", description="Talks")
    async def talk(ui: AsyncUI, params: Frame) -> str:
        word = params["word"]
        await ui.step(dict, word=word)
        await ui.text_message(body=f"said {word}")
        answer = await ui.text_input(prompt=f"asked {word}?")
        if params.get("fails"):
            raise ValueError(word)
        return f"result {answer}"

    return wf


def by_name(user: Annotated[str, Header()]) -> User:
    return PEOPLE[user]


@pytest.fixture
def settings(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> BackendSettings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FASTAGENCY_DATABASE", str(database))
    return BackendSettings(warm_s=600)


async def run(command: Command, *arguments: str) -> int:
    parser = ArgumentParser()
    command.add_arguments(parser)
    return await asyncio.to_thread(command.run, parser.parse_args(arguments), lambda _side, _host, port: port)


async def fill(url: str, settings: BackendSettings) -> None:
    """Two people do the same: something in every table is of each."""
    for user in PEOPLE.values():
        word = f"word-{user.id}"
        async with Client(url, headers={"user": user.id}) as client:
            for number, fails in enumerate((False, True, False, False)):
                run = await client.start("talk", word=word, fails=fails)
                path = f"/runs/{run['workflow_uuid']}"
                [asked] = (await client.status(run, "waiting"))["questions"]
                if number == 3:
                    break  # it waits, in memory
                await client.http.post(f"{path}/answers", json={"question": asked["uuid"], "value": f"answer {word}"})
                await client.status(run, "completed", "failed")
                await client.http.patch(path, json={"title": f"title {word}"})
                if fails:
                    await client.http.post(f"{path}/retry")
                    await client.http.post(f"{path}/fork", json={"before": asked["uuid"]})
                if number == 2:
                    await client.http.delete(path)  # something of it may still be there, to be swept
            admin = {"user": BEN.id}
            assert (await client.http.get(f"/admin/runs?owner={user.id}", headers=admin)).status_code == 200
    async with opened(settings) as store:
        for user in PEOPLE.values():
            name = user.id
            await store.people.open_session(NewSession(f"sid-{name}", f"hash-{name}", user, 0.0, 1e10, 1e10), VISITOR)
            await store.people.add_token(ApiToken(f"tid-{name}"[:12], name, f"token of {name}", 1.0), f"t-hash-{name}")
            await store.people.record(Entry("read a run", 2.0, by=BEN.id, whose=name))


def rows(database: Database) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    if isinstance(database, str):
        with psycopg.connect(database) as pg:
            sql = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            names = [row[0] for row in pg.execute(f"{sql} AND NOT relispartition")]
            return {name: [repr(row) for row in pg.execute(f"SELECT * FROM {name}".encode())] for name in names}
    with closing(sqlite3.connect(database)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        names = [name for name in names if not name.startswith("sqlite_")]
        return {name: [repr(row) for row in db.execute(f"SELECT * FROM {name}")] for name in names}


def files_with(mark: str, folder: Path) -> list[str]:
    return [str(file) for file in folder.rglob("*") if file.is_file() and mark.encode() in file.read_bytes()]


async def test_everything_of_a_person(
    database: Database, settings: BackendSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = FastAPI()
    app.include_router(FastAPIAdapter(workflows(), get_user_id=by_name, settings=settings).router)
    with serve(app) as url:
        await fill(url, settings)
        before = rows(database)
        mine = {table for table, found in before.items() if any(MARK in row for row in found)}
        assert mine == {"run", *OF_PERSON, *OF_RUN}, "a table with nothing of theirs shows nothing below"
        assert before.keys() - mine == set(OF_NOBODY) & before.keys(), "a table that is not known: say whose it is"

        assert await run(export_command, ANNA.id, "export.jsonl") == 0
        lines = [json.loads(line) for line in Path("export.jsonl").read_text(encoding="utf-8").splitlines()]
        assert {line["table"] for line in lines} == {*mine, "audit"}
        assert sum(line["table"] == "run" for line in lines) == 4
        text = json.dumps(lines)
        assert "hash-" not in text, "no secret"
        assert BEN.id not in text
        Path("export.jsonl").unlink()

        with pytest.raises(FastAgencyError, match="repeat the command with --yes"):
            await run(erase_command, ANNA.id)
        assert await run(erase_command, ANNA.id, "--yes") == 0
        said = capsys.readouterr().out
        assert f"{ANNA.id} is erased, with 4 conversations." in said

        after = rows(database)
        assert [row for found in after.values() for row in found if MARK in row] == []
        for table in sorted(mine - {"step"}):
            assert any(BEN.id in row for row in after[table]), f"{table} of somebody else is as it was"
        assert await run(audit_command, "verify") == 0
        async with Client(url, headers={"user": BEN.id}) as ben:
            assert len((await ben.http.get("/runs")).json()) == 4
            log = (await ben.http.get("/admin/audit?limit=1000")).json()
        assert MARK not in json.dumps(log)
        assert [each["action"] for each in log[-3:]] == [
            "export what is known of a person",
            "erase a person",
            "read the audit log",
        ]
    if isinstance(database, str):
        return
    assert "Nothing of it is left in the database's files" in said
    assert files_with(BEN.id, database.parent) != []
    assert files_with(MARK, database.parent) + files_with(MARK, tmp_path) == []


async def test_somebody_who_is_not_known(
    database: Database, settings: BackendSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(export_command, "nobody") == 0
    assert capsys.readouterr() == ("", "0 rows are known of nobody.\n")
    assert await run(erase_command, "nobody", "--yes") == 0
    assert "nobody is erased, with 0 conversations." in capsys.readouterr().out
    assert await run(audit_command, "verify") == 0
    assert capsys.readouterr().out == "The audit log is empty.\n"


async def test_the_audit_log_is_verified(
    database: Database, settings: BackendSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(settings) as store:
        records = [await store.people.record(Entry("look", float(at), "anna")) for at in range(5)]
    assert await run(audit_command, "verify") == 0
    said = capsys.readouterr().out
    assert said == f"The 5 entries of the audit log are a whole chain. It ends with 5:{records[4].hash}\n"
    assert await run(audit_command, "verify", "--expect", f"3:{records[2].hash}") == 0
    with pytest.raises(FastAgencyError, match="it has no entry 6:"):
        await run(audit_command, "verify", "--expect", f"6:{records[4].hash}")
    assert await run(audit_command, "list", "--after", "4") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["by"] == "anna"
    _tamper(database, "UPDATE audit SET body = replace(body, 'look', 'liik') WHERE seq = 2")
    with pytest.raises(FastAgencyError, match=r"The audit log is not what it was: entry 2 was changed, or one before"):
        await run(audit_command, "verify")
    _tamper(database, "DELETE FROM audit WHERE seq = 2")
    with pytest.raises(FastAgencyError, match="entry 2 is missing: 3 follows 1"):
        await run(audit_command, "verify")


def _tamper(database: Database, sql: str) -> None:
    """As somebody who has the database, and takes away what keeps the log as it is."""
    if isinstance(database, str):
        with psycopg.connect(database) as pg:
            with pytest.raises(psycopg.Error, match="append-only"), pg.transaction():
                pg.execute(sql.encode())
            pg.execute("ALTER TABLE audit DISABLE TRIGGER ALL")
            pg.execute(sql.encode())
            pg.execute("ALTER TABLE audit ENABLE TRIGGER ALL")
        return
    with closing(sqlite3.connect(database)) as db:
        with pytest.raises(sqlite3.Error, match="append-only"):
            db.execute(sql)
        kept = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in kept:
            db.execute(f"DROP TRIGGER {name}")
        db.execute(sql)
        for _, statement in kept:
            db.execute(statement)
        db.commit()


async def test_a_live_run_of_theirs_is_dropped(database: Database, settings: BackendSettings) -> None:
    app = FastAPI()
    app.include_router(FastAPIAdapter(workflows(), get_user_id=by_name, settings=settings).router)
    with serve(app) as url:
        async with Client(url, headers={"user": ANNA.id}) as anna:
            begun = await anna.start("talk", word="x")
            async with anna.v2({"workflow_uuid": begun["workflow_uuid"]}) as ws:
                await ws.until("text_input")
                assert await run(erase_command, ANNA.id, "--yes") == 0
                until = time.monotonic() + 20
                async with asyncio.timeout(until - time.monotonic()):
                    await ws.rest()
            assert (await anna.http.get(f"/runs/{begun['workflow_uuid']}")).status_code == 404
