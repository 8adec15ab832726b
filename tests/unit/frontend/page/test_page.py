"""The page as a person uses it, over Mesop's own protocol and without a browser."""

from __future__ import annotations

import pytest
from fastagency_frontend.app import FastAgency
from fastagency_shared.provider import Caller
from fastagency_shared.run import RunInfo, RunStatus

from tests.fakes.provider import FakeProvider
from tests.unit.frontend.page.mesop_client import MesopClient


@pytest.fixture
def page(app: FastAgency) -> MesopClient:
    return MesopClient(app)


def caller_of(page: MesopClient) -> Caller:
    cookie = page.http.get_cookie("fastagency_visitor")
    assert cookie is not None
    return Caller(user_id=cookie.value)


def the_run(page: MesopClient, provider: FakeProvider) -> RunInfo:
    return provider.run(page.query["conversation"], caller=caller_of(page))


def begin(page: MesopClient, provider: FakeProvider, workflow: str) -> None:
    """Start a workflow and wait for its first question."""
    page.click(f"start:{workflow}")
    await_question(page, provider)


def await_question(page: MesopClient, provider: FakeProvider) -> None:
    while not (run := the_run(page, provider)).questions:
        assert not run.status.ended, run
    page.tell("transcript", "changed", {})


def test_the_start_shows_the_application_and_its_workflows(page: MesopClient) -> None:
    assert {"Class", "Learn about cells.", "gallery", "Asks for your name and greets you."} <= set(page.texts)
    assert page.title == "Class"


def test_a_click_starts_a_run_and_the_answer_goes_to_it(page: MesopClient, provider: FakeProvider) -> None:
    begin(page, provider, "ask_name")
    question = the_run(page, provider).questions[0].uuid
    assert {"Your turn", "Ada", "Alan", "host asks you"} <= set(page.texts)
    assert page.title == "● ask_name · Your turn · Class"
    page.tell(page.key("composer:"), "answered", {"question": question, "text": "Grace"})
    assert list(provider.follow(the_run(page, provider).workflow_uuid, caller=caller_of(page)))
    page.tell("transcript", "changed", {})
    assert the_run(page, provider).result == "Met Grace"
    assert {"Finished", "Start again", "New conversation"} <= set(page.texts)


def test_the_gallery_from_end_to_end(page: MesopClient, provider: FakeProvider) -> None:
    begin(page, provider, "gallery")
    page.click(next(key for key in page.keys if key.startswith("suggestion:")))
    await_question(page, provider)
    composer = page.key("composer:")
    assert page.properties(composer)["password"] is True
    page.tell(composer, "answered", {"question": page.properties(composer)["question"], "text": "secret"})
    await_question(page, provider)
    page.click(next(key for key in page.keys if key.startswith("choice:") and key.endswith(":2")))
    await_question(page, provider)
    for index in (0, 2):
        page.check(next(key for key in page.keys if key.startswith("check:") and key.endswith(f":{index}")))
    assert "Confirm (2 chosen)" in page.texts
    page.click(page.key("confirm:"))
    run_id = page.query["conversation"]
    answers = [m.value for m in provider.follow(run_id, caller=caller_of(page)) if m and m.type == "input_answered"]
    assert answers == ["Cells", None, "Hard", ["Summary", "Exercises"]]


def test_many_choices_are_a_list_with_a_button(page: MesopClient, provider: FakeProvider) -> None:
    begin(page, provider, "many_choices")
    page.choose(page.key("radio:"), "6")
    page.click(page.key("confirm:"))
    run_id = page.query["conversation"]
    answers = [m.value for m in provider.follow(run_id, caller=caller_of(page)) if m and m.type == "input_answered"]
    assert answers == ["Chapter 7"]


def test_an_answer_that_another_tab_gave_first_is_said_so(page: MesopClient, provider: FakeProvider) -> None:
    begin(page, provider, "ask_name")
    run = the_run(page, provider)
    composer = page.key("composer:")
    provider.answer(run.workflow_uuid, run.questions[0].uuid, "Other", caller=caller_of(page))
    page.tell(composer, "answered", {"question": run.questions[0].uuid, "text": "Mine"})
    assert "Somebody has already answered this question; the first answer counts." in page.texts


def test_an_answer_while_the_backend_is_away_is_refused_near_its_form(
    page: MesopClient, provider: FakeProvider
) -> None:
    begin(page, provider, "ask_name")
    composer = page.key("composer:")
    question = page.properties(composer)["question"]
    provider.down = True
    page.tell(composer, "answered", {"question": question, "text": "Grace"})
    assert "cannot be reached" in page.properties(composer)["refusal"]
    assert "cannot be reached" in page.properties("pulse")["trouble"]
    provider.down = False
    page.tell("pulse", "changed", {})
    assert page.properties("pulse")["trouble"] == ""
    page.tell(composer, "answered", {"question": question, "text": "Grace"})
    assert not the_run(page, provider).questions


def test_stop_and_start_again_with_the_same_parameters(
    app: FastAgency, page: MesopClient, provider: FakeProvider
) -> None:
    run_id = provider.start("endless", {"depth": 3}, caller=caller_of(page)).workflow_uuid
    tab = MesopClient(app, conversation=run_id, http=page.http)
    assert "Working" in tab.texts
    tab.click("stop")
    assert provider.run(run_id, caller=caller_of(page)).status is RunStatus.CANCELLED
    assert "This conversation was stopped." in tab.texts
    tab.click("again")
    again = the_run(tab, provider)
    assert (again.name, again.params) == ("endless", {"depth": 3})
    assert again.workflow_uuid != run_id
    provider.cancel(again.workflow_uuid, caller=caller_of(page))


def test_the_list_renames_and_deletes(page: MesopClient, provider: FakeProvider) -> None:
    begin(page, provider, "ask_name")
    run_id = page.query["conversation"]
    page.tell("sidebar", "renamed", {"id": run_id, "title": "  My   talk "})
    assert [each["title"] for each in page.properties("sidebar")["conversations"]] == ["My talk"]
    page.tell("sidebar", "deleted", {"id": run_id})
    assert page.query == {}
    assert page.properties("sidebar")["conversations"] == []


def test_a_deep_link_shows_the_conversation_to_its_owner_only(
    app: FastAgency, page: MesopClient, provider: FakeProvider
) -> None:
    begin(page, provider, "ask_name")
    run_id = page.query["conversation"]
    assert MesopClient(app, conversation=run_id, http=page.http).properties("transcript")["conversation"] == run_id
    stranger = MesopClient(app, conversation=run_id)
    assert stranger.properties("transcript")["conversation"] == ""
    assert f"There is no conversation '{run_id}'." in stranger.texts


def test_a_backend_that_comes_back_is_noticed(app: FastAgency, provider: FakeProvider) -> None:
    provider.down = True
    page = MesopClient(app)
    assert "cannot be reached" in page.properties("pulse")["trouble"]
    assert "gallery" not in page.texts
    provider.down = False
    page.tell("pulse", "changed", {})
    assert "gallery" in page.texts
    assert page.properties("pulse")["trouble"] == ""


@pytest.mark.parametrize("value", [{}, {"id": 3}, {"id": "nosuch", "title": ""}])
def test_events_that_make_no_sense_do_no_harm(page: MesopClient, value: dict[str, object]) -> None:
    for event in ("renamed", "deleted"):
        page.tell("sidebar", event, value)
    assert "gallery" in page.texts


def test_a_defect_of_the_provider_is_logged_and_not_shown(
    page: MesopClient, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begin(page, provider, "ask_name")
    composer = page.key("composer:")
    question = page.properties(composer)["question"]

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("internal-7")

    monkeypatch.setattr(provider, "answer", broken)
    page.tell(composer, "answered", {"question": question, "text": "Grace"})
    assert "has not been sent" in page.properties(composer)["refusal"]
    monkeypatch.setattr(provider, "cancel", broken)
    page.click("stop")
    assert any("Its log has the details" in text for text in page.texts)
    assert not any("internal-7" in text for text in page.texts)
    assert "internal-7" in caplog.text


def test_an_answer_to_a_question_that_was_never_asked_is_refused(page: MesopClient, provider: FakeProvider) -> None:
    begin(page, provider, "ask_name")
    page.tell(page.key("composer:"), "answered", {"question": "nosuchquestion", "text": "Grace"})
    assert "This conversation has no open question 'nosuchquestion'." in page.texts
