"""What one click costs the backend: one request or two, never the whole page anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastagency_frontend.app import FastAgency
from fastagency_frontend.page.gate import Gate
from fastagency_frontend.page.live import Watch, history, watch
from werkzeug.test import Client

from tests.fakes.provider import FakeProvider
from tests.unit.frontend.page.mesop_client import MesopClient
from tests.unit.frontend.page.test_page import await_question, begin, caller_of, the_run

REQUESTS = ("workflows", "start", "runs", "run", "messages", "follow", "answer", "cancel", "rename", "delete")


@pytest.fixture
def requests(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that the provider is asked, by name."""
    asked: list[str] = []

    def noting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            asked.append(name)
            return method(*arguments, **options)

        return noted

    for name in REQUESTS:
        monkeypatch.setattr(provider, name, noting(name, getattr(provider, name)))
    return asked


@pytest.fixture
def page(app: FastAgency, requests: list[str]) -> MesopClient:
    return MesopClient(app)


@contextmanager
def costing(requests: list[str], *expected: str) -> Iterator[None]:
    """What happens inside asks the backend for just this."""
    requests.clear()
    yield
    assert requests == list(expected)


def test_opening_the_page(app: FastAgency, http: Client, requests: list[str]) -> None:
    with costing(requests, "workflows", "runs"):
        assert "gallery" in MesopClient(app, http=http).texts


def test_opening_the_page_by_the_link_of_a_conversation(
    app: FastAgency, page: MesopClient, provider: FakeProvider, requests: list[str]
) -> None:
    begin(page, provider, "ask_name")
    run_id = page.query["conversation"]
    with costing(requests, "runs", "run"):
        tab = MesopClient(app, http=page.http, conversation=run_id)
    assert "host asks you" in tab.texts
    with costing(requests, "workflows"):
        tab.tell("sidebar", "created", {})
    assert "gallery" in tab.texts


def test_starting_a_conversation(page: MesopClient, provider: FakeProvider, requests: list[str]) -> None:
    with costing(requests, "start"):
        page.click("start:ask_name")
    assert [each["title"] for each in page.properties("sidebar")["conversations"]] == ["ask_name"]
    assert page.properties("transcript")["conversation"] == page.query["conversation"]


def test_opening_another_conversation(page: MesopClient, provider: FakeProvider, requests: list[str]) -> None:
    begin(page, provider, "ask_name")
    first = page.query["conversation"]
    page.tell("sidebar", "created", {})
    begin(page, provider, "ask_name")
    with costing(requests, "run"):
        page.tell("sidebar", "opened", {"id": first})
    assert page.properties("transcript")["conversation"] == first
    assert "host asks you" in page.texts


def test_answering_and_seeing_what_comes_of_it(page: MesopClient, provider: FakeProvider, requests: list[str]) -> None:
    begin(page, provider, "gallery")
    first = the_run(page, provider).questions[0].uuid
    composer = page.key("composer:")
    with costing(requests, "answer"):
        page.tell(composer, "answered", {"question": first, "text": "Cells"})
    assert "Working" in page.texts
    while not (run := the_run(page, provider)).questions:
        pass
    with costing(requests, "run"):
        page.tell("transcript", "changed", {"revision": "another"})
    shown = page.properties(page.key("composer:"))["question"]
    assert shown == run.questions[0].uuid != first
    with costing(requests):
        page.tell("transcript", "changed", {"revision": page.properties("transcript")["revision"]})


def test_an_answer_that_is_refused(page: MesopClient, provider: FakeProvider, requests: list[str]) -> None:
    begin(page, provider, "ask_name")
    with costing(requests, "answer", "run"):
        page.tell(page.key("composer:"), "answered", {"question": "nosuchquestion", "text": "Cells"})


def test_stopping_and_starting_again(page: MesopClient, provider: FakeProvider, requests: list[str]) -> None:
    page.click("start:endless")
    with costing(requests, "cancel"):
        page.click("stop")
    assert {"Stopped", "This conversation was stopped."} <= set(page.texts)
    assert [each["phase"] for each in page.properties("sidebar")["conversations"]] == ["cancelled"]
    with costing(requests, "run", "start"):
        page.click("again")
    assert [each["phase"] for each in page.properties("sidebar")["conversations"]] == ["working", "cancelled"]


def test_renaming(page: MesopClient, provider: FakeProvider, requests: list[str]) -> None:
    begin(page, provider, "ask_name")
    with costing(requests, "rename"):
        page.tell("sidebar", "renamed", {"id": page.query["conversation"], "title": "My talk"})
    assert [each["title"] for each in page.properties("sidebar")["conversations"]] == ["My talk"]
    assert page.title.startswith("● My talk")


def test_deleting(page: MesopClient, provider: FakeProvider, requests: list[str]) -> None:
    begin(page, provider, "ask_name")
    first = page.query["conversation"]
    page.tell("sidebar", "created", {})
    begin(page, provider, "ask_name")
    with costing(requests, "delete"):
        page.tell("sidebar", "deleted", {"id": first})
    with costing(requests, "delete", "workflows"):
        page.tell("sidebar", "deleted", {"id": page.query["conversation"]})
    assert page.properties("sidebar")["conversations"] == []


def test_what_the_browser_reads_of_a_conversation(
    page: MesopClient, provider: FakeProvider, requests: list[str]
) -> None:
    begin(page, provider, "ask_name")
    run, caller = the_run(page, provider), caller_of(page)
    with costing(requests, "messages"):
        newest = history(provider, caller, run.workflow_uuid, None)
    assert newest["last"] == run.last_seq
    with costing(requests, "messages", "answer", "follow"):
        request = Watch(provider, caller, run.workflow_uuid, newest["last"], hold=True, places=9)
        lines = watch(request, Gate())
        next(lines)
        provider.answer(run.workflow_uuid, run.questions[0].uuid, "Ada", caller=caller)
        assert list(lines)[-1] == b'{"next":null}\n'


def test_the_pulse_of_an_open_conversation(
    page: MesopClient, provider: FakeProvider, requests: list[str], app: FastAgency
) -> None:
    begin(page, provider, "ask_name")
    await_question(page, provider)
    tab = MesopClient(app, http=page.http, conversation=page.query["conversation"])
    fingerprint = tab.properties("pulse")["fingerprint"]
    with costing(requests, "runs"):
        answer = page.http.get(f"/__fastagency__/pulse?shell={fingerprint}").json
    assert answer == {"changed": False}
