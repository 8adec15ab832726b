"""Our page in a real browser, with the peer's backend."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.conftest import Visit
from tests.e2e.process import Process
from tests.interop.test_their_page import picture


def test_every_message_and_every_question(our_page: Process, visit: Visit) -> None:
    person = visit(our_page)
    tab = person.visit()
    tab.start("tour")
    expect(tab.phase).to_have_text("Your turn")
    tab.answer("Émilie")
    expect(tab.field).to_have_attribute("type", "password")
    tab.answer("s3cret")
    tab.button("Large").click()
    tab.page.get_by_label("Olives").check()
    tab.page.get_by_label("Corn").check()
    picture(tab.page, "our-page-question")
    tab.button("Confirm (2 chosen)").click()
    expect(tab.phase).to_have_text("Finished")
    expect(tab.said("Émilie takes Large with Olives,Corn.")).to_be_visible()
    expect(tab.rows("suggested_function_call").locator(".badge")).to_have_text("done")
    expect(tab.said("The oven is hot.")).to_be_visible()
    expect(tab.rows("workflow_completed")).to_contain_text("Émilie: Large Olives,Corn")
    assert "s3cret" not in tab.page.content()
    picture(tab.page, "our-page-end")
    assert person.complaints == []


def test_a_reload_shows_the_same_and_goes_on(our_page: Process, visit: Visit) -> None:
    """The conversation lives in the page's process, since the peer's backend keeps nothing."""
    tab = visit(our_page).visit()
    tab.start("async")
    expect(tab.phase).to_have_text("Your turn")
    tab.page.reload()
    tab.answer("Ada")
    expect(tab.rows("workflow_completed")).to_contain_text("Hello, Ada!")
    expect(tab.conversations).to_have_count(1)


def test_a_workflow_that_fails(our_page: Process, visit: Visit) -> None:
    tab = visit(our_page).visit()
    tab.start("broken")
    expect(tab.phase).to_have_text("Failed")


def test_a_conversation_that_is_stopped(our_page: Process, visit: Visit) -> None:
    tab = visit(our_page).visit()
    tab.start("async")
    expect(tab.phase).to_have_text("Your turn")
    tab.button("Stop").click()
    expect(tab.phase).to_have_text("Stopped")
