"""The server has no connection left for anybody: whoever asks is told so, and everything goes on when it has again."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract.postgres_server import USER, PostgresServer
from tests.fault.hosts import Hosts, Person, assert_whole, people, until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

RUNS = 4


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """One of a user who may not use the connections that are kept for the administrator."""
    url = postgres.new_database()
    postgres.execute("CREATE ROLE app LOGIN")
    postgres.execute(f"ALTER DATABASE {urlsplit(url).path[1:]} OWNER TO app")
    return url.replace(USER, "app", 2).replace("appql", "postgresql")


def allow(postgres: PostgresServer, database: str, connections: int) -> None:
    """So many at a time for the database; those that are too many end now."""
    name = urlsplit(database).path[1:]
    postgres.execute(f"ALTER DATABASE {name} CONNECTION LIMIT {connections}")
    if connections == 0:
        postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


def test_no_connection_is_left(hosts: Hosts, postgres: PostgresServer, database: str) -> None:
    api, worker = hosts.api(), hosts.worker()
    hosts.start(api, worker)
    thinker = Person(api.url, "thinker", thinks=True)
    with people(api.url, RUNS) as crowd:
        until(lambda: thinker.asked, "nothing is asked")
        until(lambda: len(hosts.payments()) > 2 * RUNS, "nothing is done")
        allow(postgres, database, 0)
        thinker.ready.set()
        until(lambda: thinker.refusals, "no answer is refused")
        refused = httpx.get(f"{api.url}/fastagency/runs/{crowd[0].run_id}", timeout=30)
        assert (refused.status_code, refused.json()["code"]) == (503, "StoreUnavailable")
        assert "connection" not in refused.json()["detail"], "how it is built concerns no client"
        allow(postgres, database, -1)
        assert_whole(hosts, [*crowd, thinker])
    thinker.close()
    assert "too many connections for database" in api.log


def test_a_process_that_gets_no_connection_says_so_and_ends(
    hosts: Hosts, postgres: PostgresServer, database: str
) -> None:
    allow(postgres, database, 0)
    worker = hosts.worker()
    ended = subprocess.run(
        [sys.executable, "-m", "fastagency", "worker"], env=worker._environment, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("fastagency: The database"), ended.stderr
    assert "too many connections" in ended.stderr.splitlines()[-1]
