"""Faults that people live through: the page says what is going on, and goes on by itself, nothing lost.

Each test has processes of its own, since it ends them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visit
from tests.e2e.process import Process, backend_process, page_process


@pytest.fixture
def own_backend(tmp_path: Path) -> Iterator[Process]:
    process = backend_process(tmp_path)
    yield process
    process.stop()


@pytest.fixture
def own_page(own_backend: Process, tmp_path: Path) -> Iterator[Process]:
    process = page_process("gthread", own_backend, tmp_path)
    process.start()
    yield process
    process.stop()


def test_the_page_waits_for_its_backend(own_backend: Process, own_page: Process, visit: Visit) -> None:
    tab = visit(own_page).visit()
    expect(tab.banner).to_contain_text("This page tries again by itself")
    tab.picture("fault-no-backend")
    own_backend.start()
    expect(tab.button(re.compile("^greeter"))).to_be_visible()
    expect(tab.banner).to_be_hidden()


def test_a_backend_that_is_killed_and_comes_back(own_backend: Process, own_page: Process, visit: Visit) -> None:
    own_backend.start()
    tab = visit(own_page).visit()
    tab.start("greeter")
    tab.answer("Ada")
    expect(tab.said("Hello, Ada!")).to_be_visible()
    expect(tab.field).to_be_editable()  # it has asked again: what is asked later cannot be answered now
    tab.page.evaluate("window.sameDocument = true")
    own_backend.kill()
    expect(tab.banner).to_be_visible()
    tab.field.fill("Grace, who waits")
    tab.field.press("Enter")
    expect(tab.page.locator("fa-composer .refusal")).not_to_be_empty()
    expect(tab.field).to_have_value("Grace, who waits")
    tab.picture("fault-backend-away")
    own_backend.start()
    expect(tab.banner).to_be_hidden()
    expect(tab.field).to_have_value("Grace, who waits")
    tab.field.press("Enter")
    expect(tab.said("Hello, Grace, who waits!")).to_be_visible()
    assert tab.page.evaluate("window.sameDocument")


def test_a_page_server_that_is_killed_and_comes_back(own_backend: Process, own_page: Process, visit: Visit) -> None:
    own_backend.start()
    tab = visit(own_page).visit()
    tab.start("greeter")
    expect(tab.field).to_be_editable()
    own_page.kill()
    expect(tab.banner).to_contain_text("nothing you wrote is lost")
    tab.field.fill("Ada, still here")
    tab.field.press("Enter")
    tab.picture("fault-page-away")
    own_page.start()
    expect(tab.banner).to_be_hidden()
    expect(tab.field).to_have_value("Ada, still here")
    tab.field.press("Enter")
    expect(tab.said("Hello, Ada, still here!")).to_be_visible()


def test_a_network_that_is_cut(page: Process, visit: Visit) -> None:
    person = visit(page)
    tab = person.visit()
    tab.start("greeter")
    expect(tab.field).to_be_editable()
    other = person.another_tab()
    other.page.goto(page.url + tab.address())
    expect(other.field).to_be_editable()
    person.context.set_offline(True)
    expect(tab.banner).to_be_visible()
    tab.field.fill("Ada, offline")
    person.context.set_offline(False)
    expect(tab.banner).to_be_hidden()
    tab.field.press("Enter")
    expect(other.said("Hello, Ada, offline!")).to_be_visible()
    expect(tab.said("Hello, Ada, offline!")).to_be_visible()


def test_a_draft_survives_a_reload_and_goes_with_the_answer(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("greeter")
    tab.field.fill("half a name")
    tab.page.reload()
    expect(tab.field).to_have_value("half a name")
    tab.field.press("Enter")
    expect(tab.said("Hello, half a name!")).to_be_visible()
    expect(tab.field).to_have_value("")
    drafts = tab.page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('fastagency-draft'))")
    assert drafts == []


def test_people_do_not_wait_for_each_other(any_server: Process, visit: Visit) -> None:
    """Open conversations hold connections; the clicks of others are answered all the same."""
    idle = [visit(any_server) for _ in range(6)]
    for person in idle:
        person.visit().start("worker")
        expect(person.tab.phase).to_have_text("Working")
    busy = visit(any_server).visit()
    busy.start("greeter")
    for name in ("Ada", "Grace", "Alan"):
        busy.answer(name)
        expect(busy.said(f"Hello, {name}!")).to_be_visible()
    for person in idle:
        person.tab.button("Stop").click()
        expect(person.tab.phase).to_have_text("Stopped")


def test_a_conversation_that_waits_for_room_says_so_until_it_goes_on(tmp_path: Path, visit: Visit) -> None:
    backend = backend_process(tmp_path, FASTAGENCY_MAX_LIVE_RUNS="1")
    page = page_process("gthread", backend, tmp_path)
    try:
        backend.start()
        page.start()
        with httpx.Client(base_url=f"{backend.url}/fastagency") as client:
            other = client.post("/initiate_workflow", json={"workflow_name": "worker"}).json()["workflow_uuid"]
            tab = visit(page).visit()
            tab.start("worker")
            hint = tab.page.locator(".fa-hint")
            expect(hint).to_have_text("This conversation waits for its turn: the server is busy.")
            tab.picture("fault-no-room")
            client.post(f"/runs/{other}/cancel").raise_for_status()
        expect(tab.said("This takes a while.")).to_be_visible()
        expect(hint).to_contain_text("The agents are working.")
    finally:
        page.stop()
        backend.stop()
