"""The database ends at once and is started again: whoever asks is told to come back, and everything goes on."""

from __future__ import annotations

import time

import httpx
import psycopg
import pytest

from tests.contract.postgres_server import PostgresServer
from tests.fault.hosts import LEASE_S, Hosts, Person, assert_whole, people, until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

RUNS = 8


def fences(database: str) -> list[int]:
    """How often each run was taken up."""
    with psycopg.connect(database) as db:
        return [row[0] for row in db.execute("SELECT fence FROM run")]


@pytest.mark.parametrize("away_s", [0.0, 6 * LEASE_S])
def test_the_database_is_restarted_under_load(
    hosts: Hosts, postgres: PostgresServer, database: str, away_s: float
) -> None:
    api = hosts.api()
    workers = [hosts.worker() for _ in range(3)]
    hosts.start(api, *workers)
    thinker = Person(api.url, "thinker", thinks=True)
    with people(api.url, RUNS, steps=30) as crowd:
        until(lambda: thinker.asked, "nothing is asked")
        until(lambda: len(hosts.payments()) > 3 * RUNS, "nothing is done")
        postgres.stop("immediate")
        stopped_at = time.monotonic()
        if away_s:
            refused = httpx.post(
                f"{api.url}/fastagency/initiate_workflow", json={"workflow_name": "work", "params": {}}
            )
            assert (refused.status_code, refused.json()["code"]) == (503, "StoreUnavailable")
            thinker.ready.set()
            until(lambda: thinker.refusals, "no answer is refused")
        time.sleep(max(0.0, stopped_at + away_s - time.monotonic()))
        postgres.start()
        started_at = time.time()
        thinker.ready.set()
        assert_whole(hosts, [*crowd, thinker])  # results that could not be recorded are kept until they can be
    thinker.close()
    first = min(payment.at for payment in hosts.payments() if payment.at > started_at)
    assert max(fences(database)) == 1, "a run was taken over although its worker was well"
    print(
        f"away for {time.monotonic() - stopped_at:.1f} s; the first run went on {first - started_at:.2f} s later; "
        f"{thinker.refusals} answers were refused and repeated"
    )
