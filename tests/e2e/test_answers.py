"""An answer is given to the question that it was written for, or it is still there: never lost, never misplaced."""

from __future__ import annotations

from playwright.sync_api import Route, expect

from tests.e2e.conftest import Visit
from tests.e2e.person import Tab
from tests.e2e.process import Process


class Silence:
    """From the next load on, a tab hears of nothing by itself, until it is let."""

    def __init__(self, tab: Tab) -> None:
        self._held: list[Route] = []
        self._over = False
        tab.page.route("**/live?*", self._take)

    def end(self) -> None:
        self._over = True
        for route in self._held:
            route.continue_()

    def _take(self, route: Route) -> None:
        if self._over:
            route.continue_()
        else:
            self._held.append(route)


def test_text_under_a_question_that_somebody_else_answers_stays(page: Process, visit: Visit) -> None:
    person = visit(page)
    first = person.visit()
    first.start("greeter")
    expect(first.field).to_be_editable()
    second = person.another_tab()
    second.page.goto(page.url + first.address())
    second.field.fill("Grace")
    first.answer("Ada")
    expect(second.note).to_contain_text("it has not been sent")
    expect(second.field).to_be_editable()
    expect(second.field).to_have_value("Grace")
    second.field.press("Enter")
    expect(second.note).to_contain_text("Send it once more")
    expect(second.rows("input_answered")).to_have_count(1)
    second.field.press("Enter")
    expect(first.said("Hello, Grace!")).to_be_visible()
    expect(second.field).to_have_value("")
    expect(second.note).to_be_hidden()
    assert drafts(second) == []
    assert person.complaints == []


def test_an_answer_sent_in_the_moment_in_which_the_question_goes_is_refused_and_kept(
    page: Process, visit: Visit
) -> None:
    person = visit(page)
    first = person.visit()
    first.start("greeter")
    expect(first.field).to_be_editable()
    second = person.another_tab()
    silence = Silence(second)
    second.page.goto(page.url + first.address())
    expect(second.field).to_be_editable()
    first.answer("Ada")
    expect(first.rows("text_input")).to_have_count(2)
    second.answer("Grace")
    expect(second.page.locator(".fa-notice")).to_contain_text("answered already")
    expect(second.field).to_have_value("Grace")
    expect(second.note).to_contain_text("it has not been sent")
    expect(first.rows("input_answered")).to_have_count(1)
    silence.end()
    second.button("Send").click()
    second.button("Send").click()
    expect(first.said("Hello, Grace!")).to_be_visible()
    expect(second.field).to_have_value("")
    assert drafts(second) == []


def test_text_is_handed_over_a_question_of_another_kind(page: Process, visit: Visit) -> None:
    person = visit(page)
    first = person.visit()
    first.start("relay")
    expect(first.field).to_be_editable()
    second = person.another_tab()
    second.page.goto(page.url + first.address())
    second.field.fill("Grace")
    first.answer("Ada")
    expect(second.button("left")).to_be_visible()
    expect(second.field).to_be_hidden()
    second.button("left").click()
    expect(second.field).to_have_value("Grace")
    expect(second.note).to_contain_text("it has not been sent")
    second.field.fill("Alan")
    second.field.press("Enter")
    second.field.press("Enter")
    expect(first.said("From Ada left to Alan")).to_be_visible()


def test_each_of_two_questions_keeps_its_own_text(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("pair")
    fields = tab.page.locator("fa-composer .field")
    fields.first.fill("Zagreb")
    fields.last.fill("Ada")
    fields.first.press("Enter")
    expect(fields).to_have_count(1)
    expect(tab.field).to_have_value("Ada")
    expect(tab.note).to_be_hidden()
    tab.field.press("Enter")
    expect(tab.said("Ada in Zagreb")).to_be_visible()


def test_an_empty_answer_can_be_given(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    for way in ("Enter", "Send"):
        tab.page.goto(page.url)
        tab.start("relay")
        tab.answer("Ada")
        tab.button("right").click()
        expect(tab.field).to_be_editable()
        if way == "Enter":
            tab.field.press("Enter")
        else:
            tab.button("Send").click()
        expect(tab.said("From Ada right to nobody")).to_be_visible()
        expect(tab.rows("input_answered").last).to_contain_text("Nothing written")


def drafts(tab: Tab) -> list[str]:
    """What the browser still keeps of unsent answers."""
    names = "Object.keys({...localStorage, ...sessionStorage})"
    kept: list[str] = tab.page.evaluate(f"{names}.filter((name) => name.startsWith('fastagency-'))")
    return kept
