"""Held connections never take the last threads."""

from __future__ import annotations

import threading

import pytest
from fastagency_frontend.page.gate import PER_VISITOR, Gate, places_for


def test_places_are_limited_and_given_back() -> None:
    gate = Gate()
    assert [gate.enter(name, 2) for name in "abc"] == [True, True, False]
    gate.leave("a")
    assert gate.held == 1
    assert gate.enter("c", 2)


def test_one_visitor_cannot_take_all_places() -> None:
    gate = Gate()
    assert [gate.enter("a", 100) for _ in range(PER_VISITOR + 1)] == [True] * PER_VISITOR + [False]
    assert gate.enter("b", 100)


def test_a_server_without_threads_holds_nothing() -> None:
    assert places_for({"wsgi.multithread": False, "SERVER_SOFTWARE": "gunicorn/27"}) == 0


def test_the_threads_of_waitress_are_counted() -> None:
    done = threading.Event()
    threads = [threading.Thread(target=done.wait, name=f"waitress-{number}") for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        assert places_for({"wsgi.multithread": True, "SERVER_SOFTWARE": "waitress"}) == 6
    finally:
        done.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("software", ["gunicorn/27.0.1", "something/1.0"])
def test_an_unknown_number_of_threads_is_taken_to_be_small(software: str) -> None:
    assert places_for({"wsgi.multithread": True, "SERVER_SOFTWARE": software}) == 2
