"""Before a deploy, `fastagency replay --check` finds what the new code would break, and nothing else."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastagency_backend.engine.rehearsal import rehearse_all
from fastagency_backend.engine.verdict import Verdict
from fastagency_backend.precheck import precheck
from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import NewRun
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.sqlite.backup import back_up
from fastagency_backend.url import SqliteFile
from fastagency_backend.workflow import UI, AsyncUI, Workflow
from fastagency_frontend.command.main import main

from tests.databases import Database
from tests.fakes import trips
from tests.fakes.classic import agent, person, predictable
from tests.fakes.lab import Lab, run_id, until
from tests.fakes.openai_server import OpenAIServer

TRIP, TEAM = 1, 2


async def in_the_middle(database: Database, wf: Workflow) -> None:
    """A trip whose last question is open, and a team's run that waits for a person."""
    lab = Lab(database)
    lab.wf = wf
    engine = await lab.engine(warm_s=0.05)
    try:
        await lab.start(engine, "trip", TRIP, people=2)
        await lab.answer(engine, "Rome", TRIP)
        await lab.start(engine, "team", TEAM)
        for number, prompt in ((TRIP, "Book it?"), (TEAM, "Is that good?")):

            async def asked(number: int = number, prompt: str = prompt) -> bool:
                return any(prompt in body for body in (await lab.run(engine, number)).questions)

            await until(asked)
            await lab.parked(engine, number)
    finally:
        await lab.close()


async def rehearsed(database: Path, wf: Workflow, folder: Path, *, ended: bool = False) -> dict[str, Verdict]:
    copy = folder / "copy.sqlite3"
    back_up(database, copy)
    store = SqliteStore(copy, synchronous="OFF")
    await store.open(Deaf())
    try:
        return {verdict.workflow: verdict async for verdict in rehearse_all(store, wf.specs, ended=ended)}
    finally:
        await store.close()


@pytest.mark.parametrize("change", trips.INCOMPATIBLE)
async def test_what_breaks_is_found(change: str, tmp_path: Path) -> None:
    wf, broken, kind, detail = trips.INCOMPATIBLE[change]
    await in_the_middle(tmp_path / "runs.sqlite3", trips.application())
    trips.CALLS.clear()
    verdicts = await rehearsed(tmp_path / "runs.sqlite3", wf, tmp_path)
    assert {name: verdict.kind for name, verdict in verdicts.items()} == {"trip": "ok", "team": "ok"} | {broken: kind}
    assert detail in "\n".join(verdicts[broken].details), verdicts[broken]
    assert not trips.CALLS


@pytest.mark.parametrize("change", trips.COMPATIBLE)
async def test_what_breaks_nothing_passes(change: str, tmp_path: Path) -> None:
    await in_the_middle(tmp_path / "runs.sqlite3", trips.application())
    trips.CALLS.clear()
    verdicts = await rehearsed(tmp_path / "runs.sqlite3", trips.COMPATIBLE[change], tmp_path)
    assert {name: (verdict.kind, verdict.details) for name, verdict in verdicts.items()} == {
        "trip": ("ok", []),
        "team": ("ok", []),
    }
    assert not trips.CALLS


async def test_a_chat_of_the_classic_api(tmp_path: Path) -> None:
    def chat(name: str) -> Workflow:
        def team(ui: UI, params: dict[str, Any]) -> str:
            return ui.process(person().run(agent(name, server), message="Hello", max_turns=4))

        return trips.application(team=team)

    with OpenAIServer() as server:
        predictable(server)
        lab = Lab(tmp_path / "runs.sqlite3")
        lab.wf = chat("teacher")
        engine = await lab.engine()
        await lab.start(engine, "team")
        first = await lab.question(engine)
        await lab.answer(engine, "Go on")

        async def asked_again() -> bool:
            return await lab.question(engine) != first

        await until(asked_again)
        await lab.close()
        server.calls.clear()
        as_it_was = await rehearsed(tmp_path / "runs.sqlite3", chat("teacher"), tmp_path)
        renamed = await rehearsed(tmp_path / "runs.sqlite3", chat("tutor"), tmp_path)
        assert not server.calls
    assert as_it_was["team"].kind == "ok", as_it_was
    assert (renamed["team"].kind, renamed["team"].calls) == ("calls", 1)
    assert "the model call of teacher became the model call of tutor" in renamed["team"].details[1]


async def test_a_tool_that_asks_a_person_is_where_it_was(tmp_path: Path) -> None:
    """Its call has not ended, so it is not recorded, and the question is inside."""

    async def choose(ui: AsyncUI) -> str:
        return await ui.text_input(prompt="Which one?")

    async def team(ui: AsyncUI, params: dict[str, Any]) -> str:
        return await ui._run.step("tool", "guide", "choose", lambda: choose(ui))

    wf = trips.application(team=team)
    lab = Lab(tmp_path / "runs.sqlite3")
    lab.wf = wf
    engine = await lab.engine(warm_s=0.05)
    await lab.start(engine, "team")
    await lab.question(engine)
    await lab.close()
    verdicts = await rehearsed(tmp_path / "runs.sqlite3", wf, tmp_path)
    assert verdicts["team"].kind == "ok"


@pytest.mark.parametrize(("prompt", "kind"), [("Now?", "ok"), ("Then?", "diverges")])
async def test_a_run_whose_process_was_killed_in_a_call(prompt: str, kind: str, tmp_path: Path) -> None:
    """What was under way is made again, which is nothing that the new code brings; what lies before it must match."""

    def told(prompt: str) -> Callable[[UI, dict[str, Any]], str]:
        def team(ui: UI, params: dict[str, Any]) -> str:
            when = ui.text_input(prompt=prompt)
            return ui.step(slow, when)

        return team

    running, end = threading.Event(), threading.Event()

    def slow(when: str) -> str:
        running.set()
        end.wait()
        return when

    lab = Lab(tmp_path / "runs.sqlite3")
    lab.wf = trips.application(team=told("Now?"))
    engine = await lab.engine()
    try:
        await lab.start(engine, "team")
        await lab.answer(engine, "today")
        await until(running.is_set)
        verdicts = await rehearsed(tmp_path / "runs.sqlite3", trips.application(team=told(prompt)), tmp_path)
    finally:
        end.set()
        await lab.close()
    assert verdicts["team"].kind == kind, verdicts


async def test_runs_that_have_ended(tmp_path: Path) -> None:
    await in_the_middle(tmp_path / "runs.sqlite3", trips.application())
    lab = Lab(tmp_path / "runs.sqlite3")
    lab.wf = trips.application()
    engine = await lab.engine()
    await lab.answer(engine, "yes", TRIP)
    assert await lab.completed(engine, TRIP) == "Rome: yes"
    await lab.close()
    with_longer_end = trips.COMPATIBLE["what comes later"]
    assert set(await rehearsed(tmp_path / "runs.sqlite3", with_longer_end, tmp_path)) == {"team"}
    as_it_was = await rehearsed(tmp_path / "runs.sqlite3", trips.application(), tmp_path, ended=True)
    assert {name: verdict.kind for name, verdict in as_it_was.items()} == {"trip": "ok", "team": "ok"}
    longer = await rehearsed(tmp_path / "runs.sqlite3", with_longer_end, tmp_path, ended=True)
    assert (longer["trip"].kind, longer["trip"].calls) == ("calls", 1)


async def test_code_that_talks_without_end_once_it_is_past_its_log(tmp_path: Path) -> None:
    """Nothing is wrong with it, if its run was at work; neither a thread nor the loop is held for long."""

    async def endless(ui: AsyncUI, params: dict[str, Any]) -> str:
        number = 0
        while True:
            await ui.text_message(body=f"{number}")
            number += 1

    def endless_thread(ui: UI, params: dict[str, Any]) -> str:
        number = 0
        while True:
            ui.text_message(body=f"{number}")
            number += 1

    store = SqliteStore(tmp_path / "runs.sqlite3", synchronous="OFF")
    await store.open(Deaf())
    for number, name in enumerate(("trip", "team"), 1):
        await store.create_run(NewRun(run_id(number), name, "{}", None, "title", True, 1.0))
    await store.close()
    verdicts = await rehearsed(tmp_path / "runs.sqlite3", trips.application(endless_thread, endless), tmp_path)
    assert {verdict.kind for verdict in verdicts.values()} == {"ok"}, verdicts


async def test_code_that_reaches_the_network_outside_of_a_call_is_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()

        def nosy(ui: UI, params: dict[str, Any]) -> str:
            socket.create_connection(address).close()
            return trips.trip(ui, params)

        wf = trips.application(nosy)
        await in_the_middle(tmp_path / "runs.sqlite3", wf)
        server.setblocking(False)
        assert _connections(server), "live, it may"
        verdicts = await rehearsed(tmp_path / "runs.sqlite3", wf, tmp_path)
        assert not _connections(server)
    assert verdicts["trip"].kind == "fails"
    assert "reaches no network" in verdicts["trip"].sentence


def _connections(server: socket.socket) -> int:
    number = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            number += 1
    return number


async def test_a_password_is_in_no_outline(tmp_path: Path) -> None:
    def login(password: str) -> str:
        return "in"

    def team(ui: UI, params: dict[str, Any]) -> str:
        ui.step(login, ui.text_input(prompt="Password?", password=True))
        return ui.text_input(prompt="What now?")

    lab = Lab(tmp_path / "runs.sqlite3")
    lab.wf = trips.application(team=team)
    engine = await lab.engine()
    await lab.start(engine, "team")
    await lab.answer(engine, "correct horse")
    await lab.question(engine)
    past = await engine.store.load_past(run_id())
    await lab.close()
    [asked] = past.asked.values()
    assert asked is not None
    assert "(hidden" in asked
    assert "horse" not in asked


MODULE = "from tests.fakes.trips import application, INCOMPATIBLE\nwf = {}\n"


@pytest.mark.parametrize(
    ("module", "code", "kinds"),
    [
        ("application()", 0, {"ok": 2}),
        ("INCOMPATIBLE['changed arguments'][0]", 1, {"ok": 1, "calls": 1}),
    ],
)
async def test_the_command(
    module: str,
    code: int,
    kinds: dict[str, int],
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await in_the_middle(database, trips.application())
    name = f"deployed_{code}"
    (tmp_path / f"{name}.py").write_text(MODULE.format(module))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("FASTAGENCY_WORKFLOWS", f"{name}:wf")
    monkeypatch.setenv("FASTAGENCY_DATABASE", str(database))
    before = _rows(database)

    assert await asyncio.to_thread(main, ["replay", "--check", "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    assert (found["replayed"], found["kinds"]) == (2, kinds)
    assert await asyncio.to_thread(main, ["replay", "--check"]) == code
    assert f"{kinds['ok']} go on" in capsys.readouterr().out
    assert _rows(database) == before


async def test_several_processes_share_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await in_the_middle(tmp_path / "runs.sqlite3", trips.application())
    (tmp_path / "deployed_to_two.py").write_text(MODULE.format("INCOMPATIBLE['changed question'][0]"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fastagency_backend.precheck.FEW", 0)
    verdicts = await asyncio.to_thread(
        precheck, SqliteFile(tmp_path / "runs.sqlite3"), "deployed_to_two:wf", processes=2
    )
    assert [(verdict.run_id, verdict.kind) for verdict in verdicts] == [
        (run_id(TRIP), "diverges"),
        (run_id(TEAM), "ok"),
    ]


def _rows(database: Database) -> list[object]:
    if isinstance(database, Path):
        with closing(sqlite3.connect(database)) as db:
            return list(db.iterdump())
    with psycopg.connect(database) as server:
        tables = ("run", "event", "step", "question", "worker", "workflow")
        return [server.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]
