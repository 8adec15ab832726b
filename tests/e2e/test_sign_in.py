"""Signing in and out in a real browser, on each of the servers, with sessions that the backend keeps."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastagency_frontend.sign_in.password import hashed
from fastagency_frontend.sign_in.password_file import Entry, PeopleFile
from fastagency_shared.page_key import PageKey
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Visit, running
from tests.e2e.person import PHONE, Person, Tab
from tests.e2e.process import Process, backend_process, page_process
from tests.e2e.proxy import Proxy
from tests.fakes.openid_provider import CLIENT, SECRET, serving

PASSWORD = "correct horse"
REFUSED_FORM = "status of 403"
ENDED = "status of 401"
"""What Chromium writes of such an answer; the page says it in words."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sign-in")
    with PeopleFile(folder / "people.json").changing() as people:
        people["anna"] = Entry(password=hashed(PASSWORD), name="Anna Ångström", roles=["manager"])
        people["bert"] = Entry(password=hashed(PASSWORD))
    return folder


@pytest.fixture(scope="module")
def settings(folder: Path) -> dict[str, str]:
    return {
        "FASTAGENCY_SIGN_IN": "password",
        "FASTAGENCY_PASSWORD_FILE": str(folder / "people.json"),
        "FASTAGENCY_PAGE_KEY_FILE": str(folder / "key.pem"),
    }


@pytest.fixture(scope="module")
def knowing(folder: Path, settings: dict[str, str]) -> Iterator[Process]:
    """A backend that wants to know who asks."""
    yield from running(backend_process(folder, **settings))


@pytest.fixture(scope="module")
def door(knowing: Process, folder: Path, settings: dict[str, str]) -> Iterator[Process]:
    yield from running(page_process("gthread", knowing, folder, **settings))


@pytest.fixture(scope="module", params=["sync", "waitress"])
def other_door(
    request: pytest.FixtureRequest, knowing: Process, folder: Path, settings: dict[str, str]
) -> Iterator[Process]:
    yield from running(page_process(request.param, knowing, folder, **settings))


def type_in(page: Page, name: str = "anna", password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_label("Password").press("Enter")


def sign_in(person: Person, name: str = "anna", path: str = "/") -> Tab:
    tab = person.visit(path)
    type_in(tab.page, name)
    expect(tab.page.locator("fa-sidebar .account")).to_be_visible()
    return tab


def account(tab: Tab) -> str:
    return tab.page.locator("fa-sidebar .person-name").inner_text()


def sign_out(tab: Tab) -> None:
    tab.button("Sign out").click()
    expect(tab.page.get_by_text("You have signed out.")).to_be_visible()


def a_conversation(person: Person, name: str = "anna") -> Tab:
    tab = sign_in(person, name)
    tab.start("greeter")
    expect(tab.field).to_be_editable()
    return tab


def test_signing_in_and_out(door: Process, visit: Visit) -> None:
    person = visit(door)
    tab = person.visit()
    assert tab.page.title() == "Sign in · Agents at work"
    expect(tab.page.get_by_label("Name")).to_be_focused()
    tab.picture("sign-in")
    type_in(tab.page)
    expect(tab.page.locator("fa-sidebar .account")).to_be_visible()
    assert account(tab) == "Anna Ångström"
    tab.start("greeter")
    tab.answer("Ada")
    expect(tab.said("Hello, Ada!")).to_be_visible()
    tab.picture("signed-in")
    sign_out(tab)
    tab.picture("signed-out")
    tab.page.go_back()
    expect(tab.page.get_by_label("Password")).to_be_visible()
    assert person.complaints == person.outside == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_wrong_password_is_said_and_heard(door: Process, visit: Visit, theme: str) -> None:
    person = visit(door, color_scheme=theme)
    tab = person.visit()
    type_in(tab.page, password="wrong horse")
    alert = tab.page.get_by_role("alert")
    expect(alert).to_have_text("The name or the password is wrong.")
    password = tab.page.get_by_label("Password")
    expect(password).to_be_focused()
    expect(password).to_have_value("")
    expect(password).to_have_accessible_description("The name or the password is wrong.")
    expect(tab.page.get_by_label("Name")).to_have_value("anna")
    tab.picture(f"sign-in-refused-{theme}")
    type_in(tab.page)
    expect(tab.page.locator("fa-sidebar .account")).to_be_visible()
    assert [each for each in person.complaints if REFUSED_FORM not in each] == person.outside == []


def test_what_was_asked_for_is_opened_and_others_do_not_see_it(door: Process, visit: Visit) -> None:
    anna, bert = visit(door), visit(door)
    link = a_conversation(anna).address()
    sign_out(anna.tab)
    tab = sign_in(anna, path=link)
    expect(tab.field).to_be_editable()
    assert tab.address() == link
    other = sign_in(bert, "bert", link)
    assert account(other) == "bert"
    expect(other.page.locator(".fa-notice")).to_contain_text("or it is not yours.")
    expect(other.conversations).to_have_count(0)


def test_a_draft_outlives_the_session(door: Process, visit: Visit) -> None:
    """Signed out in another tab while something is typed in the first: nothing is lost, and it goes on."""
    person = visit(door)
    first = a_conversation(person)
    first.field.fill("A long answer that")
    link = first.address()
    second = person.another_tab()
    second.page.goto(person.url)
    sign_out(second)
    expect(first.banner).to_contain_text("You have been signed out. What you wrote is kept.")
    expect(first.field).to_have_value("A long answer that")
    first.field.press_sequentially(" nobody wants to type twice")
    first.picture("signed-out-elsewhere")
    first.page.get_by_role("link", name="Sign in again").click()
    type_in(first.page)
    expect(first.field).to_have_value("A long answer that nobody wants to type twice")
    assert first.address() == link
    first.field.press("Enter")
    expect(first.said("Hello, A long answer that nobody wants to type twice!")).to_be_visible()
    assert [each for each in person.complaints if ENDED not in each] == []


def test_an_answer_that_comes_too_late_is_kept(door: Process, knowing: Process, folder: Path, visit: Visit) -> None:
    """The session has ended, and the browser has not noticed: the click that is refused loses nothing."""
    person = visit(door)
    tab = a_conversation(person)
    tab.field.fill("Ada")
    headers = {"Authorization": f"Bearer {PageKey.load(None, folder / 'key.pem').for_sessions()}"}
    ended = httpx.request("DELETE", f"{knowing.url}/fastagency/sessions", json={"user": "anna"}, headers=headers)
    assert ended.status_code == 204
    expect(tab.banner).to_contain_text("You have been signed out.")
    tab.field.press("Enter")
    tab.page.get_by_role("link", name="Sign in again").click()
    type_in(tab.page)
    expect(tab.field).to_have_value("Ada")


def test_another_tab_that_signs_in_again_brings_this_one_back(door: Process, visit: Visit) -> None:
    person = visit(door)
    first = a_conversation(person)
    first.field.fill("Kept")
    second = person.another_tab()
    second.page.goto(person.url)
    sign_out(second)
    expect(first.banner).to_contain_text("You have been signed out.")
    second.page.get_by_role("link", name="Sign in").click()
    type_in(second.page)
    expect(second.page.locator("fa-sidebar .account")).to_be_visible()
    expect(first.banner).to_be_hidden()
    expect(first.field).to_have_value("Kept")


def test_on_a_phone(door: Process, visit: Visit) -> None:
    person = visit(door, viewport=PHONE, has_touch=True, color_scheme="dark")
    tab = person.visit()
    tab.picture("sign-in-phone-dark")
    width = tab.page.evaluate("document.documentElement.scrollWidth")
    assert width == PHONE["width"]
    type_in(tab.page)
    tab.button(re.compile("^Show the conversations$")).click()
    expect(tab.page.locator("fa-sidebar .account")).to_be_visible()
    tab.picture("signed-in-phone-dark")
    box = tab.button("Sign out").bounding_box()
    assert box is not None
    assert box["height"] >= 28
    sign_out(tab)
    tab.picture("signed-out-phone-dark")


def test_without_scripts(door: Process, visit: Visit) -> None:
    person = visit(door, java_script_enabled=False)
    person.visit("/?conversation=1")
    type_in(person.page)
    person.page.wait_for_url(f"{person.url}/?conversation=1")
    assert [cookie["httpOnly"] for cookie in person.context.cookies() if cookie["name"] == "fastagency-session"] == [
        True
    ]


def test_on_the_other_servers(other_door: Process, visit: Visit) -> None:
    person = visit(other_door)
    tab = a_conversation(person)
    tab.answer("Ada")
    expect(tab.said("Hello, Ada!")).to_be_visible()
    second = person.another_tab()
    second.page.goto(person.url)
    sign_out(second)
    expect(tab.banner).to_contain_text("You have been signed out.")
    assert [each for each in person.complaints if ENDED not in each] == person.outside == []


@pytest.mark.parametrize(
    ("server", "configuration", "prefix", "cookie"),
    [
        # waitress does not know that the browser is on https; the browser does.
        ("waitress", "fastagency.conf", "", "__Host-fastagency-session"),
        ("gthread", "fastagency-under-paths.conf", "/chat", "__Secure-fastagency-session"),
    ],
)
def test_behind_a_proxy_that_speaks_tls(
    knowing: Process,
    settings: dict[str, str],
    tmp_path: Path,
    visit: Visit,
    server: str,
    configuration: str,
    prefix: str,
    cookie: str,
) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -keyout key.pem -out crt.pem"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    tls = f"listen 8080 ssl; ssl_certificate {tmp_path}/crt.pem; ssl_certificate_key {tmp_path}/key.pem;"
    page = page_process(server, knowing, tmp_path, **settings, FASTAGENCY_FRONTEND_PREFIX=prefix)
    page.start()
    proxy = Proxy(configuration, tmp_path, page, knowing, {"listen 8080;": tls})
    proxy.start()
    try:
        person = visit(proxy, ignore_https_errors=True)
        tab = sign_in(person, path=f"{prefix}/")
        kept = {each["name"]: each for each in person.context.cookies() if "session" in each["name"]}
        assert list(kept) == [cookie]
        assert kept[cookie]["secure"]
        assert kept[cookie]["path"] == f"{prefix}/"
        tab.start("greeter")
        tab.answer("Ada")
        expect(tab.said("Hello, Ada!")).to_be_visible()
        sign_out(tab)
        assert [each for each in person.context.cookies() if "session" in each["name"]] == []
        assert person.complaints == person.outside == []
    finally:
        proxy.stop()
        page.stop()


def test_at_an_identity_provider(knowing: Process, folder: Path, settings: dict[str, str], visit: Visit) -> None:
    with serving() as identity:
        oidc = {
            "FASTAGENCY_SIGN_IN": "oidc",
            "FASTAGENCY_OIDC_ISSUER": identity.issuer,
            "FASTAGENCY_OIDC_CLIENT_ID": CLIENT,
            "FASTAGENCY_OIDC_CLIENT_SECRET": SECRET,
        }
        page = page_process("gthread", knowing, folder, **{**settings, **oidc})
        page.start()
        try:
            person = visit(page)
            tab = person.visit()  # there and back, as the provider knows her
            expect(tab.page.locator("fa-sidebar .account")).to_be_visible()
            assert account(tab) == "Anna Smith"
            tab.start("greeter")
            expect(tab.field).to_be_editable()
            sign_out(tab)
            identity.refusal = "access_denied"
            tab.page.get_by_role("link", name="Sign in").click()
            expect(tab.page.get_by_role("alert")).to_contain_text("did not let you in")
            tab.picture("sign-in-provider-refused")
        finally:
            page.stop()
