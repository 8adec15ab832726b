"""The model of the settings is looked at by its settings, and by asking its server for the list of models."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fastagency_backend.frameworks.model_check import examine_model
from fastagency_backend.frameworks.model_settings import ModelNotUsable


class ModelServer(BaseHTTPRequestHandler):
    """Takes the key "good"; has no list of models when asked below /old."""

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer good":
            self.send_response(401)
        else:
            self.send_response(404 if self.path.startswith("/old") else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), ModelServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_other_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def use(monkeypatch: pytest.MonkeyPatch, url: str, key: str) -> None:
    monkeypatch.setenv("FASTAGENCY_MODEL_BASE_URL", url)
    monkeypatch.setenv("FASTAGENCY_MODEL_API_KEY", key)
    monkeypatch.setenv("FASTAGENCY_MODEL_NAME", "some-model")


def test_without_a_model_the_offline_one_answers() -> None:
    assert "offline demo model" in examine_model()


@pytest.mark.parametrize("path", ["/v1", "/old"])
def test_a_server_that_answers(path: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, url + path, "good")
    assert examine_model() == f"{url}{path} answers."


def test_a_key_that_is_refused_is_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, url, "secret-but-bad")
    with pytest.raises(ModelNotUsable, match=r"refuses the key .*FASTAGENCY_MODEL_API_KEY") as refused:
        examine_model()
    assert "secret" not in str(refused.value)


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, "http://127.0.0.1:9/v1", "good")
    with pytest.raises(ModelNotUsable, match=r"does not answer .*FASTAGENCY_MODEL_BASE_URL"):
        examine_model()


def test_settings_that_do_not_fit_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_MODEL_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(ModelNotUsable, match=r"FASTAGENCY_MODEL_NAME is not set"):
        examine_model()
