"""What is read on the page stays readable: while it is written, when it is stopped, on a phone, in any colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.conftest import Visit
from tests.e2e.person import PHONE, Tab
from tests.e2e.process import Process, backend_process, page_process

LOOKS = [
    (name, scheme, {**size, "color_scheme": scheme})
    for name, size in (("desktop", {}), ("phone", {"viewport": PHONE, "has_touch": True, "is_mobile": True}))
    for scheme in ("light", "dark")
]


def scroller(tab: Tab) -> Locator:
    return tab.page.locator("fa-transcript .scroller")


def test_what_was_being_written_at_a_stop_stays(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("typist")
    expect(tab.rows("text_chunk").locator("strong").nth(2)).to_have_text("forty-two")
    tab.button("Stop").click()
    expect(tab.phase).to_have_text("Stopped")
    expect(tab.rows("text_message")).to_contain_text("forty-two forty-two")
    expect(tab.rows("text_message")).to_contain_text("Interrupted")
    expect(tab.rows("text_chunk")).to_have_count(0)
    tab.page.reload()
    expect(tab.rows("text_message")).to_contain_text("forty-two forty-two")


def test_who_comes_in_the_middle_of_a_message_reads_it_from_its_beginning(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("novelist")
    expect(tab.rows("text_chunk")).to_contain_text("Paragraph 30")
    tab.page.reload()
    expect(tab.rows("text_chunk")).to_contain_text("Paragraph 30")
    expect(tab.rows("text_chunk")).to_contain_text("Paragraph 1:")
    tab.button("Stop").click()


def test_a_reader_who_scrolled_up_stays_there_when_a_message_ends(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("novelist")
    expect(tab.rows("text_chunk")).to_contain_text("Paragraph 30")
    expect(tab.button("yes")).to_be_visible()
    scroller(tab).hover()
    tab.page.mouse.wheel(0, -100_000)
    expect(tab.button("Go to the newest message")).to_be_visible()
    tab.page.mouse.wheel(0, 400)
    tab.page.wait_for_timeout(300)  # the wheel's own animation
    before = scroller(tab).evaluate("each => each.scrollTop")
    tab.button("yes").click()
    expect(tab.said("The end.")).to_be_attached()
    expect(tab.field).to_be_editable()
    tab.page.wait_for_timeout(300)  # a late jump would be as bad
    assert scroller(tab).evaluate("each => each.scrollTop") == before
    tab.button("Go to the newest message").click()
    expect(tab.said("The end.")).to_be_in_viewport()
    tab.button("Stop").click()


def test_a_wide_table_is_scrolled_and_its_words_stay_whole(page: Process, visit: Visit) -> None:
    tab = visit(page, viewport=PHONE).visit()
    tab.start("librarian")
    cell = tab.page.locator("fa-transcript td", has_text="Internationalisation")
    expect(cell).to_be_visible()
    assert (cell.bounding_box() or {})["width"] > 100
    assert cell.evaluate("each => each.getClientRects().length") == 1
    assert (cell.bounding_box() or {})["height"] < 50
    assert tab.page.evaluate("document.scrollingElement.scrollWidth") == PHONE["width"]
    assert scroller(tab).evaluate("each => each.scrollWidth <= each.clientWidth")
    tab.button("Stop").click()


def test_a_call_of_a_run_that_was_stopped_does_not_run_any_more(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("librarian")
    badge = tab.rows("suggested_function_call").locator(".badge")
    expect(badge).to_have_text("running")
    tab.button("Stop").click()
    expect(badge).to_have_text("no result")
    tab.page.reload()
    expect(badge).to_have_text("no result")


def test_a_call_on_an_earlier_page_has_its_result(page: Process, visit: Visit) -> None:
    tab = visit(page).visit()
    tab.start("archivist")
    expect(tab.phase).to_have_text("Finished")
    tab.page.reload()
    expect(tab.rows("function_call_execution")).to_be_attached()
    tab.button("Show earlier messages").click()
    expect(tab.rows("suggested_function_call").locator(".badge")).to_have_text("done")
    expect(tab.rows("function_call_execution")).to_have_count(0)


@pytest.mark.parametrize("secure", [True, False], ids=["clipboard", "no clipboard"])
def test_code_is_copied(page: Process, visit: Visit, secure: bool) -> None:
    person = visit(page, permissions=["clipboard-read", "clipboard-write"])
    if not secure:
        person.context.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        person.page.close()
        person.page = person._tab()
    tab = person.visit()
    tab.start("librarian")
    code = tab.page.locator("fa-transcript figure", has_text="print('copied')")
    code.get_by_role("button", name="Copy", exact=True).click()
    expect(code.get_by_role("button", name="Copy", exact=True)).to_have_attribute("title", "Copied")
    tab.field.press("ControlOrMeta+v")
    expect(tab.field).to_have_value(re.compile(r"^print\('copied'\)\s*$"))
    tab.button("Stop").click()


def test_with_the_backend_away_nobody_is_told_that_there_is_nothing(tmp_path: Path, visit: Visit) -> None:
    backend = backend_process(tmp_path)
    process = page_process("gthread", backend, tmp_path)
    process.start()
    try:
        tab = visit(process).visit()
        expect(tab.banner).to_be_visible()
        expect(tab.page.locator("fa-sidebar .none")).to_have_text("Your conversations cannot be read at the moment.")
        tab.picture("list-backend-away")
        backend.start()
        expect(tab.page.locator("fa-sidebar .none")).to_have_text("Your conversations will be listed here.")
    finally:
        process.stop()
        backend.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_icons_are_there_in_forced_colours(page: Process, visit: Visit, scheme: str) -> None:
    tab = visit(page, forced_colors="active", color_scheme=scheme).visit()
    tab.start("librarian")
    expect(tab.field).to_be_editable()
    tab.picture(f"forced-colours-{scheme}")
    icons = tab.page.locator(".icon:visible, .fa-icon:visible")
    assert icons.count() > 5
    colour = "each => [getComputedStyle(each).backgroundColor, getComputedStyle(document.body).backgroundColor]"
    for index in range(icons.count()):
        shape, ground = icons.nth(index).evaluate(colour)
        assert shape != ground
    tab.button("Stop").click()


@pytest.mark.parametrize(
    ("name", "scheme", "options"), LOOKS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_long_wide_and_right_to_left_fit(
    page: Process, visit: Visit, name: str, scheme: str, options: dict[str, object]
) -> None:
    tab = visit(page, **options).visit()
    tab.start("librarian")
    expect(tab.field).to_be_editable()
    expect(tab.said("xxxx")).to_be_attached()
    tab.picture(f"reading-{name}-{scheme}")
    scroller(tab).evaluate("each => each.scrollTo(0, 0)")
    tab.picture(f"reading-{name}-{scheme}-top")
    assert scroller(tab).evaluate("each => each.scrollWidth <= each.clientWidth")
    direction = "each => getComputedStyle(each).direction"
    assert tab.said("مرحبا").locator("p").locator("..").evaluate(direction) == "rtl"
    tab.button("Stop").click()
