"""Addresses of databases and servers: what they mean, and that nobody reads a password in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastagency_backend.settings import BackendSettings, load_settings
from fastagency_backend.url import NatsUrl, PostgresUrl, SqliteFile, read_database
from fastagency_shared.errors import InvalidSettings
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("runs.sqlite3", "runs.sqlite3"),
        ("/data/runs.sqlite3", "/data/runs.sqlite3"),
        (r"C:\data\runs.sqlite3", r"C:\data\runs.sqlite3"),
        ("sqlite:///runs.sqlite3", "runs.sqlite3"),
        ("sqlite:////data/runs.sqlite3", "/data/runs.sqlite3"),
        ("SQLite:///my%20runs.sqlite3", "my runs.sqlite3"),
        ("sqlite:///C:/data/runs.sqlite3", "C:/data/runs.sqlite3"),
    ],
)
def test_a_path_and_its_address_are_the_same(
    text: str, path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_database(text) == SqliteFile(Path(path))
    monkeypatch.setenv("FASTAGENCY_DATABASE", text)
    assert load_settings().database == SqliteFile(Path(path)) == BackendSettings(database=path).database  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "PostgreSQL"])
def test_a_database_on_a_server(scheme: str) -> None:
    full = f"{scheme}://anna@db.example.org:5433/runs?sslmode=require"
    database = read_database(full)
    assert isinstance(database, PostgresUrl)
    assert (database.full, str(database)) == (full, full)


@pytest.mark.parametrize(
    "text", ["mysql://u:hush@h/d", "sqlite://runs", "sqlite:///", "sqlite:///runs?password=hush", "http://u:hush@h"]
)
def test_what_is_no_database_is_refused_without_being_quoted(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"path") as refusal:
        read_database(text)
    monkeypatch.setenv("FASTAGENCY_DATABASE", text)
    with pytest.raises(InvalidSettings, match="FASTAGENCY_DATABASE") as stopped:
        load_settings()
    with pytest.raises(ValidationError) as built:
        BackendSettings(database=text)  # type: ignore[arg-type]
    assert all("hush" not in f"{each.value} {each.value!r}" for each in (refusal, stopped, built))


@pytest.mark.parametrize(
    ("full", "shown"),
    [
        ("postgresql://anna:hush@h/d", "postgresql://anna:***@h/d"),
        ("postgresql://anna:hu/sh?@sh@h/d", "postgresql://anna:***@h/d"),
        ("postgresql://:hush@h/d", "postgresql://***@h/d"),
        ("postgresql://anna@h:5432/d", "postgresql://anna@h:5432/d"),
        ("postgresql://h1:5432,h2:5433/d", "postgresql://h1:5432,h2:5433/d"),
        ("postgresql:///d?host=/run/pg&user=anna&password=hush", "postgresql:///d?host=/run/pg&user=anna&password=***"),
    ],
)
def test_nobody_reads_the_password_of_a_database(full: str, shown: str) -> None:
    settings = BackendSettings(database=full)  # type: ignore[arg-type]
    assert str(settings.database) == shown
    assert "hush" not in repr(settings) + str(settings) + repr(settings.database)
    assert isinstance(settings.database, PostgresUrl)
    assert settings.database.full == full


def test_a_server_for_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BackendSettings(signals=None).signals is BackendSettings(signals="").signals is None  # type: ignore[arg-type]
    for full, shown in (
        ("nats://n1:4222,nats://n2:4222", "nats://n1:4222,nats://n2:4222"),
        ("nats://hush@n1,nats://anna:hush@n2", "nats://***@n2"),
        ("tls://anna:hush@n1", "tls://***@n1"),
    ):
        signals = BackendSettings(signals=full).signals  # type: ignore[arg-type]
        assert isinstance(signals, NatsUrl)
        assert (signals.full, str(signals)) == (full, shown)
    monkeypatch.setenv("FASTAGENCY_SIGNALS", "redis://anna:hush@r")
    with pytest.raises(InvalidSettings, match="FASTAGENCY_SIGNALS: it is an address such as nats://host") as stopped:
        load_settings()
    assert "hush" not in str(stopped.value)
