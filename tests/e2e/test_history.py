"""Conversations are there again: after a reload, in a second tab, from the list, by their link."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visit
from tests.e2e.person import PHONE
from tests.e2e.process import Process


def test_a_second_tab_shows_the_same_and_the_first_answer_counts(page: Process, visit: Visit) -> None:
    person = visit(page)
    first = person.visit()
    first.start("greeter")
    expect(first.field).to_be_editable()
    second = person.another_tab()
    second.page.goto(page.url + first.address())
    expect(second.field).to_be_editable()
    first.answer("Ada")
    expect(second.said("Hello, Ada!")).to_be_visible()
    expect(second.rows("text_input").first.locator(".question-state")).to_have_text("Answered")
    second.answer("Grace")
    expect(first.said("Hello, Grace!")).to_be_visible()
    second.page.reload()
    expect(second.rows("input_answered")).to_have_count(2)
    assert person.complaints == []


def test_the_list_opens_renames_deletes_and_starts_again(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("greeter")
    tab.answer("stop")
    expect(tab.phase).to_have_text("Finished")
    link = tab.address()
    tab.button("Start again").click()
    expect(tab.phase).to_have_text("Your turn")
    assert tab.address() != link
    expect(tab.conversations).to_have_count(2)

    tab.conversations.last.hover()
    tab.button(re.compile("^Rename .")).last.click()
    tab.page.get_by_label("Title").fill("Last week's talk")
    tab.picture("rename")
    tab.button("Rename").click()
    expect(tab.conversations.last).to_contain_text("Last week's talk")
    tab.conversations.last.click()
    expect(tab.page.locator(".fa-title")).to_have_text("Last week's talk")
    assert tab.address() == link

    tab.conversations.first.hover()
    tab.button(re.compile("^Delete .")).first.click()
    expect(tab.page.get_by_role("dialog")).to_contain_text("removed for good")
    tab.button("Cancel").click()
    expect(tab.conversations).to_have_count(2)
    tab.conversations.first.hover()
    tab.button(re.compile("^Delete .")).first.click()
    tab.button("Delete").click()
    expect(tab.conversations).to_have_count(1)
    tab.page.go_back()
    expect(tab.said("no conversation").or_(tab.page.locator(".fa-notice"))).to_contain_text("no", ignore_case=True)


def test_a_failed_conversation_goes_on_from_where_it_failed(page: Process, visit: Visit) -> None:
    person = visit(page)
    tab = person.visit()
    tab.start("unlucky")
    tab.answer("Ada")
    expect(tab.phase).to_have_text("Failed")
    receipt = tab.said("Ada has receipt").inner_text().split("receipt ")[1][:8]
    tab.picture("failed")
    tab.button("Try again from where it failed").click()
    expect(tab.phase).to_have_text("Finished")
    expect(tab.said("Ada paid")).to_contain_text(receipt)
    expect(tab.said("Ada has receipt")).to_have_count(1)
    expect(tab.rows("workflow_resumed")).to_have_count(1)
    tab.page.reload()
    expect(tab.rows("workflow_resumed")).to_have_count(1)
    expect(tab.phase).to_have_text("Finished")
    assert person.complaints == []


def test_back_and_forward_go_from_conversation_to_conversation(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("greeter")
    expect(tab.phase).to_have_text("Your turn")
    tab.page.go_back()
    expect(tab.button(re.compile("^greeter"))).to_be_visible()
    tab.page.go_forward()
    expect(tab.rows("text_input")).to_be_visible()


def test_a_conversation_belongs_to_its_visitor(page: Process, visit: Visit) -> None:
    owner = visit(page).visit()
    owner.start("greeter")
    expect(owner.field).to_be_editable()
    stranger = visit(page)
    tab = stranger.visit(owner.address())
    expect(tab.page.locator(".fa-notice")).to_be_visible()
    expect(tab.rows()).to_have_count(0)
    expect(tab.conversations).to_have_count(0)


def test_a_long_conversation_is_read_backwards_page_by_page(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("counter")
    expect(tab.phase).to_have_text("Finished")
    tab.page.reload()
    expect(tab.rows("workflow_completed")).to_be_visible()
    earlier = tab.button("Show earlier messages")
    while earlier.is_visible():
        count = tab.rows().count()
        earlier.click()
        expect(tab.rows().nth(count)).to_be_attached()
    texts = tab.rows("text_message").locator(".bubble").all_text_contents()
    assert [text.strip() for text in texts] == [f"Message {number}" for number in range(1, 251)]


def test_stop(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("worker")
    expect(tab.phase).to_have_text("Working")
    tab.picture("working")
    tab.button("Stop").click()
    expect(tab.phase).to_have_text("Stopped")
    expect(tab.rows("workflow_cancelled")).to_be_visible()
    expect(tab.button("Start again")).to_be_visible()


def test_two_questions_at_once_have_a_form_each(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("panel")
    expect(tab.page.get_by_role("radio", name="Size 38")).to_be_checked()
    expect(tab.page.locator(".fa-form")).to_have_count(2)
    tab.picture("two-forms")
    tab.page.get_by_role("radio", name="Size 44").check()
    tab.button("Confirm").click()
    expect(tab.page.locator(".fa-form")).to_have_count(1)
    tab.answer("Split")
    expect(tab.said("Split in Size 44")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_the_list_is_a_drawer(page: Process, visit: Visit, theme: str) -> None:
    person = visit(page, viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2, color_scheme=theme)
    tab = person.visit()
    tab.picture(f"phone-{theme}-start")
    tab.start("greeter")
    expect(tab.field).to_be_editable()
    tab.picture(f"phone-{theme}-talk")
    expect(tab.conversations).to_be_hidden()
    tab.button("Show the conversations").click()
    expect(tab.conversations).to_be_visible()
    tab.picture(f"phone-{theme}-drawer")
    tab.page.locator("fa-sidebar .create").click()
    expect(tab.button(re.compile("^greeter"))).to_be_visible()
    expect(tab.conversations).to_be_hidden()
    width = tab.page.evaluate("document.scrollingElement.scrollWidth")
    assert width == PHONE["width"]
    assert person.complaints == []


def test_the_theme_is_kept(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    body = tab.page.locator("body")
    tab.page.get_by_role("radio", name="Dark theme").click()
    expect(body).to_have_class(re.compile("dark-theme"))
    tab.page.reload()
    expect(tab.button(re.compile("^greeter"))).to_be_visible()
    expect(body).to_have_class(re.compile("dark-theme"))
    tab.picture("dark-start")
    tab.page.get_by_role("radio", name="Light theme").click()
    expect(body).not_to_have_class(re.compile("dark-theme"))
