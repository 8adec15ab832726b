"""A rolling upgrade: two versions of the code on one database, of which the later one brings a migration, and back.

First it adds what old code does not mind (expand); once no old code is left, another one takes away (contract).
"""

from __future__ import annotations

import json
import re

import pytest
from fastagency_frontend.client import FastAPIProvider

from tests.databases import Database
from tests.e2e.process import Process
from tests.fault.hosts import DEADLINE_S, Hosts, Person, assert_whole, people, until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(240)]

LATER = "tests.fault.later"
EXPAND = "-- oldest: 0\nALTER TABLE run ADD COLUMN colour text NOT NULL DEFAULT 'none'"
CONTRACT = "-- oldest: 2\nALTER TABLE run DROP COLUMN colour"
NEXT = {"TEST_MIGRATIONS": json.dumps([EXPAND])}
LAST = {"TEST_MIGRATIONS": json.dumps([EXPAND, CONTRACT])}
RUNS = 3


@pytest.fixture
def database(either_database: Database) -> str:
    return str(either_database)


def times_asked(person: Person) -> int:
    """By the log: somebody who thinks has not read on."""
    log = person.provider.messages(person.run_id, limit=500).messages
    return sum(message.is_question for message in log)


def answer_by(api: Process, person: Person) -> None:
    """What is asked in the one version is answered by way of the other, in the person's name."""
    (question,) = [message.uuid for message in person.messages if message.is_question]
    provider = FastAPIProvider(api.url)
    provider.answer(person.run_id, question, f"answer-{question}")
    provider.close()


def test_two_versions_work_side_by_side_with_open_questions(hosts: Hosts) -> None:
    """To and fro: the later version takes over from the old one, and the old one from that, on what it has changed.

    Nobody's call is under way when a worker stops: it would be cut off, and made again.
    """
    old_api, old = hosts.api(), hosts.worker()
    hosts.start(old_api, old)
    with people(old_api.url, RUNS) as busy, people(old_api.url, RUNS, name="thinker", thinks=True) as before:
        until(lambda: all(person.asked for person in before), "nobody is asked")
        new, new_api = hosts.worker(LATER, **NEXT), hosts.api(LATER, **NEXT)
        hosts.start(new, new_api)
        with people(new_api.url, RUNS, name="newcomer", thinks=True) as after:
            until(lambda: all(person.asked for person in after), "nobody is asked")
            until(lambda: all(person.ended for person in busy), "the old version does not end what it began")
            old.stop()
            for person in before:
                answer_by(new_api, person)
            until(lambda: hosts.paid_by(new.pid), "the later version has nothing to do")
            back = hosts.worker()
            hosts.start(back)
            until(lambda: all(times_asked(person) == 2 for person in before), "nobody is asked again")
            new.stop()
            for person in after:
                answer_by(old_api, person)
            until(lambda: hosts.paid_by(back.pid), "the old version has nothing to do")
            for person in (*before, *after):
                person.ready.set()
            assert_whole(hosts, [*busy, *before, *after])


def test_what_is_too_old_for_the_database_says_so_and_does_not_start(hosts: Hosts) -> None:
    last, api = hosts.worker(LATER, **LAST), hosts.api(LATER, **LAST)
    hosts.start(last, api)
    for process in (hosts.worker(), hosts.api(), hosts.worker(LATER, **NEXT)):
        with pytest.raises(AssertionError, match="ended at once"):
            hosts.start(process)
        assert process.wait(DEADLINE_S) != 0
        assert re.search(r"The database has version \d+, .*Upgrade FastAgency", process.log), process.log
    with people(api.url, 1) as crowd:
        assert_whole(hosts, crowd)
