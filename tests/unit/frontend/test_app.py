"""`FastAgency` puts a provider and a user interface together, and says clearly what it cannot do with them."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from fastagency_frontend.app import Application, Environ, FastAgency, StartResponse

from tests.fakes.provider import FakeProvider


class _Terminal:
    application: Application | None = None

    def mount(self, application: Application) -> None:
        self.application = application


class _Web(_Terminal):
    def wsgi(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]


class _Source:
    def __init__(self, made: Any = None) -> None:
        self.made = made
        self.calls = 0

    def create_provider(self) -> Any:
        self.calls += 1
        return self.made


class _Adapter:
    def create_provider(self, fastapi_url: str) -> Any:
        raise AssertionError("called")


class _Down(FakeProvider):
    """A provider whose backend is down: nothing may be asked of it while an application is put together."""

    def __init__(self) -> None:
        super().__init__({})

    @property
    def names(self) -> list[str]:
        raise AssertionError("the backend was asked for its workflows")


def test_it_hands_a_request_to_the_user_interface() -> None:
    app = FastAgency(_Down(), _Web())
    statuses: list[str] = []
    body = app({"REQUEST_METHOD": "GET", "PATH_INFO": "/x"}, lambda status, headers: statuses.append(status))
    assert (statuses, list(body)) == (["200 OK"], [b"/x"])


def test_the_user_interface_is_mounted_with_the_application() -> None:
    ui = _Web()
    provider = _Down()
    app = FastAgency(provider=provider, ui=ui, title="Lessons", description="Ask the teacher.")
    assert ui.application == Application(provider, "Lessons", "Ask the teacher.")
    assert (app.provider, app.ui, app.title, app.description) == (provider, ui, "Lessons", "Ask the teacher.")


def test_it_has_a_title_of_its_own() -> None:
    app = FastAgency(_Down(), _Web())
    assert (app.title, app.description) == ("FastAgency", "")


def test_workflows_of_this_process_have_a_provider_of_their_own_which_is_asked_for_nothing_yet() -> None:
    source = _Source(real := _Down())
    app = FastAgency(source, _Web())
    assert app.provider is real
    assert source.calls == 1


def test_closing_closes_a_provider_that_holds_something() -> None:
    class Real(_Down):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    app = FastAgency(_Source(real := Real()), _Web())
    app.close()
    assert real.closed == 1
    FastAgency(_Down(), _Web()).close()


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        (None, "it was given None"),
        (object(), "an object of the class object"),
        (_Source, "was given a class"),
        (_Adapter(), r"pass _Adapter\.create_provider\(fastapi_url=\.\.\.\)"),
    ],
)
def test_a_wrong_provider_is_a_clear_type_error(provider: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        FastAgency(provider, _Web())


@pytest.mark.parametrize(("ui", "said"), [(None, "It was given None"), (_Web, r"Pass an object: ui=_Web\(\)")])
def test_a_wrong_user_interface_is_a_clear_type_error(ui: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        FastAgency(_Down(), ui)


def test_a_terminal_application_under_a_web_server_says_how_to_start_it(caplog: pytest.LogCaptureFixture) -> None:
    statuses: list[str] = []
    app = FastAgency(_Down(), _Terminal())
    body = b"".join(app({"REQUEST_METHOD": "GET"}, lambda status, headers: statuses.append(status)))
    assert statuses == ["501 Not Implemented"]
    assert b"_Terminal, which runs in a terminal" in body
    assert b"fastagency run" in body
    assert "fastagency run" in caplog.text


@pytest.mark.parametrize("version", [2, 3])
async def test_an_asgi_server_is_told_at_startup_that_it_is_the_wrong_kind(version: int) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    app = FastAgency(_Down(), _Web())
    call = app({"type": "lifespan"}, receive, send) if version == 3 else app({"type": "lifespan"})(receive, send)
    await asyncio.wait_for(call, 5)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "gunicorn" in sent[0]["message"]


async def test_an_asgi_request_is_refused() -> None:
    with pytest.raises(RuntimeError, match="WSGI application"):
        await FastAgency(_Down(), _Web())({"type": "http"})(None, None)
