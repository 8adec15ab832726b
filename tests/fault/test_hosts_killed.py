"""A worker on another host dies or freezes: its runs are elsewhere soon, and nothing is lost, doubled or paid twice."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import httpx
import pytest

from tests.e2e.process import Process
from tests.fault.hosts import HEALTH, LEASE_S, Hosts, Person, assert_whole, people, until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(180)]

RUNS = 12


def busiest(hosts: Hosts, workers: list[Process]) -> tuple[Process, set[str]]:
    """The worker with the most runs, and these, once all runs have begun."""
    until(lambda: len({payment.run for payment in hosts.payments()}) == RUNS, "a run does not begin")
    owner = {payment.run: payment.pid for payment in hosts.payments()}
    pid, _ = Counter(owner.values()).most_common(1)[0]
    (worker,) = [worker for worker in workers if worker.pid == pid]
    return worker, {run for run, owned_by in owner.items() if owned_by == pid}


def elsewhere(hosts: Hosts, runs: set[str], pid: int, since: float) -> dict[str, float]:
    """After how many seconds each of these runs was got on with by another process."""
    after: dict[str, float] = {}
    for payment in hosts.payments():
        if payment.run in runs and payment.pid != pid and payment.at > since:
            after.setdefault(payment.run, payment.at - since)
    return after


def test_a_worker_is_killed_and_its_runs_go_on_elsewhere(hosts: Hosts) -> None:
    api = hosts.api()
    workers = [hosts.worker() for _ in range(3)]
    hosts.start(api, *workers)
    with people(api.url, RUNS) as crowd:
        victim, owned = busiest(hosts, workers)
        pid = victim.pid
        victim.kill()
        killed_at = time.time()
        again = assert_whole(hosts, crowd, again=len(owned))
    after = elsewhere(hosts, owned, pid, killed_at)
    assert set(after) == owned
    print(
        f"{len(owned)} runs were elsewhere within {max(after.values()):.2f} s, with a lease of {LEASE_S:g} s; "
        f"{again} payments were cut off before they were recorded"
    )


def test_a_worker_that_was_frozen_writes_nothing_into_runs_that_are_elsewhere(hosts: Hosts) -> None:
    api = hosts.api()
    workers = [hosts.worker() for _ in range(3)]
    hosts.start(api, *workers)
    with people(api.url, RUNS) as crowd:
        frozen, owned = busiest(hosts, workers)
        os.kill(frozen.pid, signal.SIGSTOP)
        frozen_at = time.time()
        until(lambda: elsewhere(hosts, owned, frozen.pid, frozen_at).keys() == owned, "a run does not go on elsewhere")
        os.kill(frozen.pid, signal.SIGCONT)
        # What was under way, and one step that begins before the loop learns that the run is gone.
        late = assert_whole(hosts, crowd, again=2 * len(owned))
        assert late, "nothing was under way, so that nothing was refused"
        for worker in workers:
            if worker is not frozen:
                worker.stop()
        until(lambda: httpx.get(f"{frozen.url}{HEALTH}").status_code == 200, "it does not recover")
        newcomer = Person(api.url, "newcomer")
        assert_whole(hosts, [newcomer])
        newcomer.close()
    assert hosts.paid_by(frozen.pid) >= newcomer.steps
    print(f"{late} late results of {len(owned)} runs were refused")
