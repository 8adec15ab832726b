"""Every kind of message and question in a real browser, on each of the three servers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visit
from tests.e2e.process import Process

LOGGED = [
    "workflow_started",
    "text_message",
    "thought",
    "usage",
    "text_input",
    "input_answered",
    "multiple_choice",
    "suggested_function_call",
    "system_message",
    "error",
    "workflow_completed",
]


def test_a_person_walks_through_every_kind_of_message(
    any_server: Process, visit: Visit, request: pytest.FixtureRequest
) -> None:
    server = request.node.callspec.params["any_server"]
    person = visit(any_server)
    tab = person.visit()
    expect(tab.page).to_have_title("Agents at work")
    tab.picture(f"{server}-1-start")
    tab.start("gallery")

    expect(tab.phase).to_have_text("Your turn")
    expect(tab.button("Grace")).to_be_visible()
    tab.picture(f"{server}-2-text")
    tab.answer("Émilie")
    expect(tab.field).to_have_attribute("type", "password")
    tab.picture(f"{server}-3-password")
    tab.answer("s3cret")
    tab.button("Large").click()
    tab.page.get_by_label("Olives").check()
    tab.page.get_by_label("Mushrooms, fried").check()
    expect(tab.button("Confirm (2 chosen)")).to_be_visible()
    tab.picture(f"{server}-4-choices")
    tab.button("Confirm (2 chosen)").click()

    expect(tab.phase).to_have_text("Finished")
    expect(tab.said("a secret of 6 characters")).to_contain_text("Émilie")
    expect(tab.said("a secret of 6 characters")).to_contain_text("Mushrooms, fried")
    for kind in LOGGED:
        expect(tab.rows(kind).first).to_be_attached()
    expect(tab.rows("text_chunk")).to_have_count(0)
    expect(tab.rows("text_message").nth(1)).to_contain_text("This sentence arrives word by word")
    assert "s3cret" not in tab.page.content()
    tab.picture(f"{server}-5-end")
    assert person.complaints == []
    assert person.outside == []


def test_cards_unfold_and_a_call_holds_its_result(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("gallery")
    tab.answer("Ada")
    expect(tab.field).to_have_attribute("type", "password")
    tab.answer("x")
    tab.button("Small").click()
    tab.button("Confirm (0 chosen)").click()
    expect(tab.phase).to_have_text("Finished")
    call = tab.rows("suggested_function_call")
    expect(call.locator(".badge")).to_have_text("done")
    call.locator("summary").click()
    expect(call.locator("pre").first).to_contain_text('"city": "Zagreb"')
    expect(call.locator("pre").last).to_contain_text('"tuesday": 23.5')
    expect(tab.rows("function_call_execution")).to_have_count(0)
    error = tab.rows("error")
    expect(error.locator("pre")).to_be_hidden()
    error.locator("summary").click()
    expect(error.locator("pre")).to_be_visible()
    tab.picture("unfolded")


def test_what_an_agent_writes_stays_in_its_bubble(page: Process, visit: Visit) -> None:
    person = visit(page)
    tab = person.visit()
    tab.start("hostile")
    expect(tab.phase).to_have_text("Finished")
    expect(tab.rows("text_message")).to_contain_text("<script>window.broken=1</script>")
    assert tab.page.evaluate("window.broken") is None
    assert tab.page.locator('fa-transcript a[href^="javascript"], fa-transcript img').count() == 0
    assert person.outside == []
    assert person.complaints == []


def test_a_message_under_way_grows_until_the_whole_one_takes_its_place(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("typist")
    growing = tab.rows("text_chunk")
    expect(growing.locator("strong").nth(2)).to_have_text("forty-two")
    tab.picture("growing")
    tab.button("yes").click()
    expect(tab.phase).to_have_text("Finished")
    expect(growing).to_have_count(0)
    expect(tab.rows("text_message")).to_contain_text("The answer is forty-two.")


def test_the_keyboard_is_enough(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    card = tab.button(re.compile("^greeter"))
    expect(card).to_be_visible()
    for _ in range(30):
        if card.evaluate("card => card === document.activeElement"):
            break
        tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("Enter")
    expect(tab.field).to_be_focused()
    tab.page.keyboard.type("Ada")
    tab.page.keyboard.press("Shift+Enter")
    tab.page.keyboard.type("Lovelace")
    expect(tab.field).to_have_value("Ada\nLovelace")
    tab.page.keyboard.press("Enter")
    expect(tab.rows("input_answered")).to_contain_text("Ada\nLovelace")
    expect(tab.field).to_be_focused()
