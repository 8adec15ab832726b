"""The custom client of `examples/guide`, in a real browser: every kind of question and message, and every fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e.person import PATIENCE_MS
from tests.integration.guide_process import Served, free_port, served

pytestmark = pytest.mark.e2e

ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "custom_client"
SIZES: list[ViewportSize] = [{"width": 1280, "height": 800}, {"width": 390, "height": 844}]
COMMAND = "uvicorn main_fastapi_custom_client:app --host 0.0.0.0 --port {port} --reload"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    port = free_port()
    with served(COMMAND.format(port=port), port, tmp_path_factory.mktemp("guide")) as process:
        yield process


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose scripts may not fail."""
    context = browser.new_context(viewport=SIZES[0])
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def photograph(page: Page, name: str) -> None:
    """Keep a picture for a person to look at: each size, and the dark colours on the small one."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    for size, scheme in zip(SIZES, ("light", "dark"), strict=True):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size["width"], f"{name}: the page is {wide} wide on a screen of {size['width']}"
        page.screenshot(path=ARTIFACTS / f"{name}-{size['width']}x{size['height']}.png")
    page.set_viewport_size(SIZES[0])
    page.emulate_media(color_scheme="light")


def start(page: Page, url: str, workflow: str) -> None:
    page.goto(url)
    page.get_by_role("button", name=workflow).click()


def types(page: Page) -> list[str]:
    return [str(each) for each in page.locator("article").evaluate_all("all => all.map(one => one.dataset.type)")]


def sign_up_until_the_course(page: Page, url: str) -> None:
    start(page, url, "Sign up for a course")
    page.get_by_role("button", name="Grace").click()
    page.locator("input[type=password]").fill("open sesame")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Geometry")).to_be_visible()


def test_every_question_and_every_message(page: Page, backend: Served) -> None:
    page.goto(backend.url)
    expect(page.get_by_role("button", name="Student and teacher learning chat")).to_be_visible()
    photograph(page, "workflows")
    start(page, backend.url, "Sign up for a course")
    expect(page.get_by_role("button", name="Ada")).to_be_visible()  # a suggestion
    photograph(page, "text_input")
    page.get_by_label("Your answer").fill("Ada")
    page.get_by_role("button", name="Send").click()
    page.locator("input[type=password]").fill("wrong")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("article[data-type=error]")).to_contain_text("That is not the access code.")
    expect(page.locator("input[type=password]")).to_be_focused()
    photograph(page, "error")
    page.locator("article[data-type=error] summary").click()
    expect(page.get_by_text("Capitals and blanks count.")).to_be_visible()
    page.locator("input[type=password]").fill("open sesame")
    page.keyboard.press("Enter")
    photograph(page, "single_choice")
    page.get_by_role("button", name="Arithmetic, the basics").click()
    page.get_by_label("Monday").check()
    page.get_by_label("Friday").check()
    photograph(page, "multiple_choice")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_have_text("This conversation has ended.")
    photograph(page, "completed")
    expect(page.locator("form")).to_have_count(0)
    assert types(page) == [
        "workflow_started",
        *("text_input", "input_answered"),
        *("text_input", "input_answered", "error"),
        *("text_input", "input_answered"),
        *("multiple_choice", "input_answered"),
        *("multiple_choice", "input_answered"),
        *("suggested_function_call", "function_call_execution", "system_message", "text_message"),
        "workflow_completed",
    ]
    answers = page.locator("article[data-type=input_answered] .body").all_text_contents()
    assert answers == ["Ada", "••••••", "••••••", "Arithmetic, the basics", "Monday, Friday"]
    expect(page.locator("article[data-type=text_message] strong")).to_have_text("Arithmetic, the basics")


def test_agents_talk(page: Page, backend: Served) -> None:
    start(page, backend.url, "Student and teacher learning chat")
    page.get_by_role("button", name="Prime numbers").click()
    expect(page.locator("article[data-type=workflow_completed]")).to_be_visible()
    expect(page.locator(".under-way")).to_have_count(0)
    speakers = page.locator("article[data-type=text_message] .who").all_text_contents()
    assert speakers[-4:] == ["student", "teacher", "student", "teacher"]
    photograph(page, "agents")


def test_text_is_never_html(page: Page, backend: Served) -> None:
    start(page, backend.url, "Student and teacher learning chat")
    page.get_by_label("Your answer").fill("<img src=x onerror=alert(1)> **<b>bold</b>**")
    page.keyboard.press("Enter")
    answer = page.locator("article[data-type=input_answered]")
    expect(answer).to_contain_text("<img src=x onerror=alert(1)> <b>bold</b>")
    expect(page.locator("article[data-type=workflow_completed]")).to_be_visible()
    assert page.locator("article img, article b").count() == 0


def test_a_reload_shows_everything_again(page: Page, backend: Served) -> None:
    sign_up_until_the_course(page, backend.url)
    before = page.locator("article").all_text_contents()
    page.reload()
    expect(page.get_by_role("button", name="Geometry")).to_be_visible()
    assert page.locator("article").all_text_contents() == before


def test_two_tabs_the_first_answer_wins(page: Page, backend: Served) -> None:
    sign_up_until_the_course(page, backend.url)
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Geometry").click()
    for tab in (page, other):
        expect(tab.get_by_label("Monday")).to_be_visible()
        expect(tab.locator("article[data-type=input_answered]").last).to_have_text("User → OfficeGeometry")


def test_an_answer_that_is_refused_can_be_corrected(page: Page, backend: Served) -> None:
    start(page, backend.url, "Student and teacher learning chat")
    page.get_by_label("Your answer").fill("x" * 100_001)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The answer has 100001 characters")
    page.get_by_label("Your answer").fill("Triangles")
    page.keyboard.press("Enter")
    expect(page.locator("article[data-type=workflow_completed]")).to_be_visible()


def test_stop(page: Page, backend: Served) -> None:
    sign_up_until_the_course(page, backend.url)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("article[data-type=workflow_cancelled]")).to_be_visible()
    expect(page.locator("form")).to_have_count(0)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()


def test_a_conversation_that_does_not_exist(page: Page, backend: Served) -> None:
    page.goto(f"{backend.url}/#{'0' * 32}")
    expect(page.locator("article[data-type=error]")).to_contain_text("There is no conversation")
    expect(page.get_by_role("status")).to_have_text("This conversation cannot be shown.")
    page.get_by_role("button", name="New conversation").click()
    expect(page.get_by_role("button", name="Sign up for a course")).to_be_visible()


def test_the_server_goes_down_and_comes_back(page: Page, tmp_path: Path) -> None:
    port = free_port()
    command = COMMAND.format(port=port)
    with served(command, port, tmp_path) as first:
        start(page, first.url, "Sign up for a course")
        page.get_by_label("Your answer").fill("Ada, half wr")
    expect(page.get_by_role("status")).to_contain_text("The connection was lost.")
    expect(page.get_by_label("Your answer")).to_be_disabled()
    photograph(page, "connection_lost")
    with served(command, port, tmp_path):
        expect(page.get_by_label("Your answer")).to_be_enabled()
        expect(page.get_by_label("Your answer")).to_have_value("Ada, half wr")
        page.get_by_label("Your answer").fill("Ada")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("input[type=password]")).to_be_visible()
        assert types(page) == ["workflow_started", "text_input", "input_answered", "text_input"]
