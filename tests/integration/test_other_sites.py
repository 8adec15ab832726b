"""A browser's page of another site, and a name that leads here, against a backend as it is started: real processes."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.e2e.conftest import running
from tests.e2e.process import Process, backend_process

OTHER = "http://127.0.0.1:3000"
LISTED = "https://app.example.org"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    yield from running(backend_process(tmp_path_factory.mktemp("sites"), FASTAGENCY_ALLOWED_ORIGINS=LISTED))


def socket_of(backend: Process) -> str:
    return f"ws{backend.url.removeprefix('http')}/fastagency/ws"


def dialled(backend: Process) -> socket.socket:
    address = urlsplit(backend.url)
    assert address.hostname is not None
    assert address.port is not None
    return socket.create_connection((address.hostname, address.port))


def started(backend: Process, **headers: str) -> httpx.Response:
    body = {"workflow_name": "greeter", "params": {}}
    return httpx.post(f"{backend.url}/fastagency/initiate_workflow", json=body, headers=headers)


def test_another_sites_page_gets_no_socket(backend: Process) -> None:
    run = started(backend).json()
    for origin in (OTHER, "null", "https://evil.example"):
        with pytest.raises(InvalidStatus) as refused, connect(socket_of(backend), origin=origin):  # type: ignore[arg-type]
            pass
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["code"] == "OriginRefused"
    for origin in (None, backend.url, LISTED):
        with connect(socket_of(backend), origin=origin) as ws:  # type: ignore[arg-type]
            ws.send(json.dumps(run))
            assert json.loads(ws.recv())["type"] == "workflow_started"


def test_a_name_that_leads_here_starts_nothing(backend: Process) -> None:
    rebound = "evil.example:8008"
    reply = started(backend, Host=rebound, Origin=f"http://{rebound}")
    assert (reply.status_code, reply.json()["code"]) == (400, "HostRefused")
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(socket_of(backend).replace("127.0.0.1", "evil.example"), sock=dialled(backend)),
    ):
        pass
    assert refused.value.response.status_code == 400


def test_a_listed_page_may_read_what_it_is_answered(backend: Process) -> None:
    reply = started(backend, Origin=LISTED)
    assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (200, LISTED)
    asked = {"Origin": LISTED, "Access-Control-Request-Method": "POST"}
    names = "authorization,content-type,x-fastagency-user"
    url = f"{backend.url}/fastagency/initiate_workflow"
    reply = httpx.options(url, headers=asked | {"Access-Control-Request-Headers": names})
    assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (200, LISTED)
    assert "access-control-allow-origin" not in started(backend, Origin=OTHER).headers


def test_a_proxy_that_nobody_told_of_is_refused(backend: Process) -> None:
    reply = started(backend, **{"X-Forwarded-For": "203.0.113.7"})
    assert (reply.status_code, reply.json()["code"]) == (403, "AnonymousRefused")


MEBIBYTE = 1024 * 1024


def test_a_body_is_bounded_before_it_is_read(backend: Process) -> None:
    """One of 60 MiB is refused by its length alone, and one that does not say it as soon as it is too long."""
    url = f"{backend.url}/fastagency/initiate_workflow"
    headers = {"Content-Type": "application/json"}
    for content in (b"[" * 60 * MEBIBYTE, (b"[" * MEBIBYTE for _ in range(60))):
        reply = httpx.post(url, content=content, headers=headers, timeout=60)
        assert (reply.status_code, reply.json()["code"]) == (413, "TooLarge")
        assert "FASTAGENCY_MAX_BODY_BYTES" in reply.json()["detail"]


def test_an_upload_that_is_only_announced_is_refused_at_once(backend: Process) -> None:
    connection = http.client.HTTPConnection(urlsplit(backend.url).netloc, timeout=30)
    connection.putrequest("POST", "/fastagency/initiate_workflow")
    connection.putheader("Content-Length", str(60 * MEBIBYTE))
    connection.putheader("Content-Type", "application/json")
    connection.endheaders(b"{")
    assert connection.getresponse().status == 413
    connection.close()
