"""What carries the signals is lost while people watch and answer: nothing else is, and it comes back by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from fastagency_backend.engine.hearing import LOOK_AT_ALL_S

from tests.fault.hosts import Hosts, Person, assert_whole, people, until
from tests.nats import NatsServer

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

RUNS = 6
LOSSES = 3
LISTENING = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"


@pytest.fixture
def nats() -> Iterator[NatsServer]:
    server = NatsServer()
    server.start()
    yield server
    server.stop()


def noticed_after_s(hosts: Hosts, url: str, name: str) -> float:
    """How long it takes until a worker goes on with an answer that an API has taken."""
    person = Person(url, name, steps=2, thinks=True)
    until(lambda: person.asked, "nothing is asked")
    time.sleep(0.2)  # the run waits by now
    answered_at = time.time()
    person.ready.set()
    assert_whole(hosts, [person])
    person.close()
    (paid,) = [each for each in hosts.payments() if each.run == name and each.what.startswith("answer-")]
    return paid.at - answered_at


def listening(db: psycopg.Connection[Any]) -> set[int]:
    """The processes of the server with these connections."""
    return {row[0] for row in db.execute(f"SELECT pid {LISTENING}")}


def listens_anew(db: psycopg.Connection[Any], before: set[int]) -> bool:
    return len(listening(db) - before) == len(before)


def test_the_connections_that_listen_are_lost(hosts: Hosts, database: str) -> None:
    api, worker = hosts.api(), hosts.worker()
    hosts.start(api, worker)
    back_after_s: list[float] = []
    with people(api.url, RUNS, steps=20) as crowd, psycopg.connect(database, autocommit=True) as db:
        until(lambda: len(hosts.payments()) > RUNS, "nothing is done")
        for _ in range(LOSSES):
            before = listening(db)
            assert len(before) == 2
            lost_at = time.monotonic()
            db.execute(f"SELECT pg_terminate_backend(pid) {LISTENING}")
            until(partial(listens_anew, db, before), "nobody listens again")
            back_after_s.append(time.monotonic() - lost_at)
        assert_whole(hosts, crowd)
        after_s = min(noticed_after_s(hosts, api.url, f"after{number}") for number in range(3))
    assert max(back_after_s) < LOOK_AT_ALL_S, "what was lost meanwhile is looked at by then anyway"
    assert after_s < LOOK_AT_ALL_S / 5, "the signals do not flow again"
    assert all("are heard again" in process.log for process in (api, worker))
    print(
        f"{LOSSES} losses, listening again after {max(back_after_s):.2f} s at most; then an answer is noticed "
        f"after {1000 * after_s:.0f} ms"
    )


def test_the_server_for_signals_is_gone_for_a_while(hosts: Hosts, nats: NatsServer) -> None:
    api, worker = (start(FASTAGENCY_SIGNALS=nats.url) for start in (hosts.api, hosts.worker))
    hosts.start(api, worker)
    with people(api.url, RUNS) as crowd:
        until(lambda: len(hosts.payments()) > RUNS, "nothing is done")
        nats.stop()
        late = Person(api.url, "late")
        assert_whole(hosts, [*crowd, late])
        late.close()
    without_s = noticed_after_s(hosts, api.url, "without")
    nats.start()
    started_at = time.monotonic()
    tries: list[float] = []

    def flows() -> bool:
        tries.append(noticed_after_s(hosts, api.url, f"with{len(tries)}"))
        return tries[-1] < LOOK_AT_ALL_S / 5

    until(flows, "the signals do not flow again")
    print(
        f"an answer is noticed after {without_s:.2f} s without the server, and after {1000 * tries[-1]:.0f} ms with "
        f"it, {time.monotonic() - started_at:.1f} s after it was started again"
    )
    assert without_s < 2 * LOOK_AT_ALL_S
