"""One worker is cut off from the database only, and everybody else is well: its runs go on elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.contract.postgres_server import PostgresServer
from tests.fault.hosts import HEALTH, LEASE_S, Hosts, Person, assert_whole, people, until
from tests.fault.network import Network
from tests.fault.test_hosts_killed import elsewhere

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

RUNS = 8


@pytest.fixture
def network(postgres: PostgresServer) -> Iterator[Network]:
    network = Network(postgres.port)
    yield network
    network.close()


@pytest.mark.parametrize("how", ["cut", "silence"])
def test_a_worker_is_partitioned_from_the_database_only(
    hosts: Hosts, database: str, network: Network, how: str
) -> None:
    api = hosts.api()
    apart = hosts.worker(FASTAGENCY_DATABASE=database.replace(f":{urlsplit(database).port}/", f":{network.port}/"))
    hosts.start(api, apart)
    with people(api.url, RUNS, steps=30, thinks=True) as crowd:
        until(lambda: all(person.asked for person in crowd), "a run does not begin")
        others = [hosts.worker() for _ in range(2)]
        hosts.start(*others)
        for person in crowd:  # so many steps before the end that no run comes to it while the network is cut
            person.ready.set()
        until(lambda: len(hosts.payments()) > 3 * RUNS, "the runs do not go on")
        owned = {person.name for person in crowd}
        getattr(network, how)()
        cut_at = time.time()
        until(lambda: elsewhere(hosts, owned, apart.pid, cut_at).keys() == owned, "a run does not go on elsewhere")
        took = max(elsewhere(hosts, owned, apart.pid, cut_at).values())
        network.mend()
        late = assert_whole(hosts, crowd, again=2 * len(owned))
        for other in others:
            other.stop()
        until(lambda: httpx.get(f"{apart.url}{HEALTH}").status_code == 200, "it does not recover")
        newcomer = Person(api.url, "newcomer")
        assert_whole(hosts, [newcomer])
        newcomer.close()
    print(f"{how}: {len(owned)} runs were elsewhere within {took:.2f} s, lease {LEASE_S:g} s; {late} late results")
