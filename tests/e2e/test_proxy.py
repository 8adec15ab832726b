"""Both processes behind nginx with the configurations that we ship: on an odd port, and under paths."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from websockets.sync.client import connect

from tests.e2e.conftest import Visit, running
from tests.e2e.process import Process, backend_process, page_process
from tests.e2e.proxy import Proxy

MakeProxy = Callable[..., Proxy]
LOSES_THE_PORT = {"Host $http_host;": "Host $host;"}
TAKES_PATHS_AWAY = {
    "proxy_pass http://fastagency_frontend;": "proxy_pass http://fastagency_frontend/;",
    "proxy_pass http://fastagency_backend;": "proxy_pass http://fastagency_backend/;",
}
OPEN = {"FASTAGENCY_ALLOW_ANONYMOUS": "1"}
"""Nobody signs in here, and the proxy says for whom it asks."""


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    yield from running(backend_process(tmp_path_factory.mktemp("backend"), **OPEN))


@pytest.fixture(scope="module")
def page(backend: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    yield from running(page_process("gthread", backend, tmp_path_factory.mktemp("page"), **OPEN))


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[MakeProxy]:
    """Starts nginx with a configuration that we ship."""
    started: list[Proxy] = []

    def start(name: str, page: Process, backend: Process, changes: dict[str, str] | None = None) -> Proxy:
        started.append(Proxy(name, tmp_path, page, backend, changes or {}))
        started[-1].start()
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()


@pytest.fixture(scope="module")
def backend_below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    yield from running(backend_process(tmp_path_factory.mktemp("below"), FASTAGENCY_BACKEND_PREFIX="/agents", **OPEN))


@pytest.fixture(scope="module")
def page_below(backend_below: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("page-below")
    yield from running(page_process("gthread", backend_below, folder, FASTAGENCY_FRONTEND_PREFIX="/chat", **OPEN))


@pytest.mark.parametrize("changes", [{}, LOSES_THE_PORT], ids=["as shipped", "Host without its port"])
def test_a_conversation_on_an_odd_port(
    proxied: MakeProxy, page: Process, backend: Process, visit: Visit, changes: dict[str, str]
) -> None:
    person = visit(proxied("fastagency.conf", page, backend, changes))
    tab = person.visit()
    tab.start("greeter")
    tab.answer("Ada")
    expect(tab.said("Hello, Ada!")).to_be_visible()
    assert person.complaints == person.outside == []


@pytest.fixture(scope="module")
def trusting_page(backend: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """As in Kubernetes, where Mesop believes what proxies say, whether it is asked to or not."""
    folder = tmp_path_factory.mktemp("trusting")
    yield from running(page_process("gthread", backend, folder, KUBERNETES_SERVICE_HOST="10.0.0.1", **OPEN))


def test_what_a_proxy_forwards_does_not_confuse_mesop(
    proxied: MakeProxy, trusting_page: Process, backend: Process, visit: Visit
) -> None:
    forwards = "proxy_set_header X-Forwarded-Host chat.example; proxy_set_header X-Forwarded-Proto https;"
    changes = {"proxy_set_header X-Forwarded-Proto $scheme;": forwards}
    person = visit(proxied("fastagency.conf", trusting_page, backend, changes))
    tab = person.visit()
    tab.start("greeter")
    assert person.complaints == person.outside == []


def test_behind_tls_the_page_knows_that_it_is(
    proxied: MakeProxy, page: Process, backend: Process, visit: Visit, tmp_path: Path
) -> None:
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -keyout key.pem -out certificate.pem"
    )
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    names = f"ssl_certificate {tmp_path}/certificate.pem; ssl_certificate_key {tmp_path}/key.pem;"
    tls = {"listen 8080;": f"listen 8080 ssl; {names}"}
    proxy = proxied("fastagency.conf", page, backend, tls)
    person = visit(proxy, ignore_https_errors=True)
    tab = person.visit()
    tab.start("greeter")
    tab.answer("Ada")
    expect(tab.said("Hello, Ada!")).to_be_visible()
    assert [cookie["secure"] for cookie in person.context.cookies()] == [True]
    assert person.complaints == person.outside == []


@pytest.mark.parametrize("changes", [{}, TAKES_PATHS_AWAY], ids=["paths left", "paths taken away"])
def test_a_conversation_under_a_path(
    proxied: MakeProxy, page_below: Process, backend_below: Process, visit: Visit, changes: dict[str, str]
) -> None:
    person = visit(proxied("fastagency-under-paths.conf", page_below, backend_below, changes))
    tab = person.visit("/chat")
    tab.start("greeter")
    tab.answer("Ada")
    expect(tab.said("Hello, Ada!")).to_be_visible()
    assert tab.address().startswith("/chat/?conversation=")
    person.page.reload()
    expect(tab.said("Hello, Ada!")).to_be_visible()
    tab.button("New conversation").first.click()
    expect(person.page).to_have_url(f"{person.url}/chat/")
    tab.conversations.first.click()
    expect(tab.said("Hello, Ada!")).to_be_visible()
    assert {cookie["path"] for cookie in person.context.cookies()} == {"/chat/"}
    assert person.complaints == person.outside == []
    tab.picture(f"under-a-path-{'taken' if changes else 'left'}")


@pytest.mark.parametrize("changes", [{}, TAKES_PATHS_AWAY], ids=["paths left", "paths taken away"])
def test_a_client_under_a_path(
    proxied: MakeProxy, page_below: Process, backend_below: Process, changes: dict[str, str]
) -> None:
    proxy = proxied("fastagency-under-paths.conf", page_below, backend_below, changes)
    with httpx.Client(base_url=f"{proxy.url}/agents") as http:
        run = http.post("/fastagency/initiate_workflow", json={"workflow_name": "greeter", "params": {}}).json()
        with connect(f"ws{proxy.url.removeprefix('http')}/agents/fastagency/ws") as socket:
            socket.send(json.dumps(run))
            types = [json.loads(socket.recv())["type"] for _ in range(2)]
        assert types == ["workflow_started", "text_input"]
        assert http.get("/openapi.json").json()["servers"] == [{"url": "/agents"}]


def test_news_are_not_kept_back_although_the_proxy_buffers(proxied: MakeProxy, page: Process, backend: Process) -> None:
    proxy = proxied("fastagency.conf", page, backend)
    with httpx.Client(base_url=proxy.url, timeout=30) as http:
        run = http.post("/fastagency/initiate_workflow", json={"workflow_name": "worker", "params": {}}).json()
        with http.stream("GET", f"/fastagency/runs/{run['workflow_uuid']}/events") as events:
            seen = next(line for line in events.iter_lines() if "This takes a while." in line)
        assert seen.startswith("data:")  # and the run goes on for an hour
        http.post(f"/fastagency/runs/{run['workflow_uuid']}/cancel")


def test_a_refused_page_says_why(proxied: MakeProxy, page: Process, backend: Process, visit: Visit) -> None:
    """On plain HTTP, away from localhost, a browser does not say where a request comes from."""
    proxy = proxied("fastagency.conf", page, backend, LOSES_THE_PORT)
    person = visit(proxy)
    person.page.goto(f"http://chat.test:{proxy.port}/")
    alert = person.page.get_by_role("alert")
    opened = f"http://chat.test:{proxy.port}"
    expect(alert).to_contain_text(f"The page is open at {opened}, but its server was asked as chat.test.")
    expect(alert).to_contain_text("proxy_set_header Host $http_host")
    expect(alert.locator("p")).to_be_in_viewport()
    person.tab.picture("refused")
    assert f"Refused POST /__ui__: The page is open at http://chat.test:{proxy.port}" in page.log


def test_a_page_whose_server_fails_says_so(proxied: MakeProxy, page: Process, backend: Process, visit: Visit) -> None:
    fails = {"    location / {": "    location = /__ui__ { return 502; }\n    location / {"}
    person = visit(proxied("fastagency.conf", page, backend, fails))
    person.visit()
    expect(person.page.get_by_role("alert")).to_contain_text("could not show it (HTTP status 502)")
    expect(person.page.get_by_role("alert").locator("p")).to_be_in_viewport()


def test_with_its_port_the_same_page_is_served(
    proxied: MakeProxy, page: Process, backend: Process, visit: Visit
) -> None:
    proxy = proxied("fastagency.conf", page, backend)
    person = visit(proxy)
    person.page.goto(f"http://chat.test:{proxy.port}/")
    expect(person.tab.button("Try again")).to_have_count(0)
    person.tab.start("greeter")


def test_a_page_whose_files_are_elsewhere_says_so(
    proxied: MakeProxy, page: Process, backend: Process, visit: Visit
) -> None:
    """The proxy shows the page under a path, and nobody told the page."""
    proxy = proxied("fastagency-under-paths.conf", page, backend, TAKES_PATHS_AWAY)
    person = visit(proxy)
    person.visit("/chat/")
    expect(person.page.get_by_role("alert")).to_contain_text("FASTAGENCY_FRONTEND_PREFIX")
    person.tab.picture("prefix-unknown")


def test_a_proxy_that_nobody_told_of_is_refused_with_what_to_set(
    proxied: MakeProxy, page: Process, backend: Process, tmp_path: Path
) -> None:
    for closed in running(page_process("gthread", backend, tmp_path)):
        proxy = proxied("fastagency.conf", closed, backend)
        answer = httpx.get(proxy.url)
        assert answer.status_code == 403
        assert "FASTAGENCY_ALLOW_ANONYMOUS=1" in answer.text
        assert httpx.get(f"{proxy.url}/__fastagency__/health").status_code == 200
