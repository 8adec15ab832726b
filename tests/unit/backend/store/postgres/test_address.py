"""An address that PostgreSQL cannot read is refused in a sentence that has nothing of it: it may have a password."""

from __future__ import annotations

import traceback

import psycopg
import pytest
from fastagency_backend.store.base import StoreBroken, StoreError
from fastagency_backend.store.postgres import Options, PostgresStore
from fastagency_backend.store.postgres.failure import store_error

MALFORMED = [
    "postgresql://anna:hu%sh@db/runs",
    "postgresql://anna:hu sh@db/runs",
    "postgresql://anna:hush@[::1/runs",
    "postgresql://anna:hu?s@sh@db/runs",
    "postgresql://anna:hu?s/sh@db/runs",
    "postgresql://anna:hu@sh@db/runs",
    "postgresql://anna:hu/sh@db/runs",
    "postgresql://anna:1234/hush@db/runs",
    "postgresql://anna@db/runs?password=hu%sh",
    "postgresql://anna:hush@db/runs?nothing=1",
]


@pytest.mark.parametrize("url", MALFORMED)
@pytest.mark.parametrize("listens", [False, True])
def test_nothing_of_a_malformed_address_is_quoted(url: str, listens: bool) -> None:
    good = "postgresql://anna:hush@db/runs"
    with pytest.raises(StoreError) as refusal:
        PostgresStore(good, Options(listen_url=url)) if listens else PostgresStore(url)
    setting = "FASTAGENCY_DATABASE_LISTEN" if listens else "FASTAGENCY_DATABASE"
    assert str(refusal.value).startswith(f"{setting} is no address")
    shown = "".join(traceback.format_exception(refusal.value)).rpartition("StoreError")
    assert not any(part in text for part in ("hu", "sh@", "1234", "anna") for text in (shown[2], str(refusal.value)))
    assert "ProgrammingError" not in shown[0]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://anna:hu%40sh%2F@db/runs",
        "postgresql://anna:hu?sh@db/runs",
        "postgresql://anna:hush@one,two:5433/runs?target_session_attrs=any",
        "postgresql:///runs?host=/var/run/postgresql&user=anna@example.org",
        "host=db dbname=runs password='hu@sh'",
    ],
)
def test_what_libpq_can_read_is_taken(url: str) -> None:
    PostgresStore(url)


def test_a_database_that_is_missing_may_come_back() -> None:
    """As when a standby was promoted, and the address is pointed at it only later."""
    error = store_error(psycopg.errors.InvalidCatalogName('database "runs" does not exist'))
    assert not isinstance(error, StoreBroken)
    assert isinstance(store_error(psycopg.errors.UndefinedTable("no run")), StoreBroken)
