"""APIs and workers by way of a PgBouncer in transaction mode, with fewer connections than they would have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.contract.postgres_server import PostgresServer
from tests.fault.hosts import Hosts, assert_whole, people, until
from tests.pgbouncer import PgBouncer, pgbouncer

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

RUNS = 8
SIZE = 4
LISTENERS = 3


@pytest.fixture
def bouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    with pgbouncer(postgres, size=SIZE) as bouncer:
        yield bouncer


@pytest.fixture
def hosts(tmp_path: Path, database: str, bouncer: PgBouncer) -> Iterator[Hosts]:
    settings = {"FASTAGENCY_DATABASE_POOLED": "1", "FASTAGENCY_DATABASE_LISTEN": database}
    hosts = Hosts(tmp_path, bouncer.url(database), **settings)
    yield hosts
    hosts.close()


def test_a_worker_is_killed_behind_a_pgbouncer(hosts: Hosts, database: str) -> None:
    api, victim, other = hosts.api(), hosts.worker(), hosts.worker()
    hosts.start(api, victim, other)
    with people(api.url, RUNS) as crowd:
        until(lambda: hosts.paid_by(victim.pid), "the worker has nothing to do")
        with psycopg.connect(database) as db:
            row = db.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
        owned = {payment.run for payment in hosts.payments() if payment.pid == victim.pid}
        victim.kill()
        assert_whole(hosts, crowd, again=len(owned))
    assert row is not None
    assert row[0] <= SIZE + LISTENERS
    assert "prepared statement" not in hosts.logs
