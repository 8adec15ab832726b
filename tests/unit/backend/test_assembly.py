"""From settings to a store."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastagency_backend import assembly
from fastagency_backend.settings import BackendSettings
from fastagency_backend.store import SqliteStore, StoreError
from fastagency_backend.store.dispatch import Builds
from fastagency_backend.store.nats import NatsSignals
from fastagency_shared.errors import InvalidSettings

SERVER = "postgresql://anna:hush@db.example.org/runs"


@dataclass
class Made:
    """What a store was made with."""

    url: str
    options: Any
    signals: Any = None


@pytest.fixture
def postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("fastagency_backend.store.postgres")
    module.Options, module.PostgresStore = dict, Made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)


def settings(**values: Any) -> BackendSettings:
    return BackendSettings(**values)


def test_a_path_is_the_embedded_store(tmp_path: Path) -> None:
    for database in (tmp_path / "x", f"sqlite:///{tmp_path}/x"):
        store = assembly.store_for(settings(database=database))
        assert isinstance(store, SqliteStore)
        assert store.path == str(tmp_path / "x")


@pytest.mark.usefixtures("postgres")
def test_an_address_is_a_server_with_so_many_connections() -> None:
    store: Any = assembly.store_for(settings(database=SERVER, database_writers=3, database_readers=5, migrate=False))
    assert store == Made(SERVER, {"lanes": 3, "readers": 5, "pooled": False, "listen_url": None, "migrate": False})
    store = assembly.store_for(settings(database=SERVER, database_pooled=True, database_listen=SERVER))
    assert (store.options["pooled"], store.options["listen_url"]) == (True, SERVER)


@pytest.mark.usefixtures("postgres")
async def test_signals_go_over_a_server_if_it_is_named() -> None:
    store: Any = assembly.store_for(settings(database=SERVER))
    assert store.signals is None
    store = assembly.store_for(
        settings(database=SERVER, signals="nats://anna:hush@a.example.org,nats://b.example.org:4333")
    )
    assert isinstance(store.signals, NatsSignals)
    assert store.signals.places == "a.example.org:4222, b.example.org:4333"


def test_a_file_has_signals_of_its_own(tmp_path: Path) -> None:
    named = settings(database=tmp_path / "x", signals="nats://a.example.org")
    for use in (assembly.store_for, assembly.examine_signals):
        with pytest.raises(InvalidSettings, match="FASTAGENCY_SIGNALS is for a PostgreSQL database"):
            use(named)
    assert assembly.examine_signals(settings(database=tmp_path / "x")) == "They go through the database."


def test_an_address_of_signals_that_cannot_be_read_is_not_quoted() -> None:
    named = settings(database=SERVER, signals="nats://anna@a.example.org:hush")
    for use in (assembly.examine_signals, lambda named: NatsSignals(named.signals.full)):
        with pytest.raises(StoreError) as refused:
            use(named)
        assert str(refused.value) == "FASTAGENCY_SIGNALS is no address such as nats://host:4222."


@pytest.mark.usefixtures("postgres")
async def test_processes_on_one_machine_look_after_each_other_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    engine = assembly.engine_for({}, settings(database=SERVER))
    folder = engine.settings.watch_folder
    assert folder is not None
    assert (folder.parent, folder.is_dir()) == (tmp_path, True)
    if sys.platform != "win32":
        assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("compatible", "builds"),
    [(None, Builds("7")), ("", Builds("7", frozenset())), ("5, 6", Builds("7", frozenset({"5", "6"})))],
)
async def test_builds_are_those_of_the_settings(
    compatible: str | None, builds: Builds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTAGENCY_BUILD", "7")
    if compatible is not None:
        monkeypatch.setenv("FASTAGENCY_COMPATIBLE_BUILDS", compatible)
    assert assembly.engine_for({}, settings(database=tmp_path / "x")).settings.builds == builds
