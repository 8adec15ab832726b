"""The database's host is lost and its standby takes over: nothing that was acknowledged is lost, no old lease holds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.fault.hosts import Hosts, assert_whole, people, until
from tests.fault.test_hosts_killed import elsewhere
from tests.postgres import TwoHosts, two_hosts

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

RUNS = 8


@pytest.fixture
def pair() -> Iterator[TwoHosts]:
    with two_hosts(synchronous=True) as pair:
        yield pair


@pytest.fixture
def database(pair: TwoHosts) -> str:
    return pair.new_database()


def test_nothing_acknowledged_is_lost_with_the_primary(hosts: Hosts, pair: TwoHosts) -> None:
    """A worker is frozen while it happens, and woken once its runs are elsewhere."""
    api = hosts.api()
    frozen = hosts.worker()
    hosts.start(api, frozen)
    with people(api.url, RUNS, steps=30, thinks=True) as crowd:
        until(lambda: all(person.asked for person in crowd), "a run does not begin")
        others = [hosts.worker() for _ in range(2)]
        hosts.start(*others)
        for person in crowd:  # so many steps before the end that no run comes to it before it is elsewhere
            person.ready.set()
        until(lambda: len(hosts.payments()) > 8 * RUNS, "nothing is done")
        os.kill(frozen.pid, signal.SIGSTOP)
        frozen_at = time.time()
        owned = {person.name for person in crowd}
        until(lambda: elsewhere(hosts, owned, frozen.pid, frozen_at).keys() == owned, "a run does not go on elsewhere")
        acknowledged = {person.name: list(person.messages) for person in crowd}
        pair.fail_over()
        over_at = time.time()
        os.kill(frozen.pid, signal.SIGCONT)
        # Of each run: two of the frozen worker, one under way elsewhere, one begun before the new epoch is known.
        late = assert_whole(hosts, crowd, again=4 * RUNS)
    for person in crowd:
        seen = acknowledged[person.name]
        kept = person.messages[: len(seen)]
        assert [(each.seq, each.uuid) for each in kept] == [(each.seq, each.uuid) for each in seen]
    first = min(payment.at for payment in hosts.payments() if payment.at > over_at)
    print(
        f"{sum(map(len, acknowledged.values()))} acknowledged events, 0 lost; "
        f"the first run went on {first - over_at:.2f} s after the promotion; {late} late results refused"
    )
