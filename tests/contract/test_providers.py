"""Every provider keeps the contract: the fake one, the one of this process, and the one over HTTP and WebSocket."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastagency_backend.settings import BackendSettings
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow.local import LocalProvider
from fastagency_frontend.client import FastAPIProvider
from fastagency_shared.provider import Provider
from fastapi import FastAPI

from tests.contract.provider_contract import ProviderContract, ann
from tests.contract.workflows import fake_provider, workflow

__all__ = ["ann"]


def settings_in(folder: Path) -> BackendSettings:
    return BackendSettings(database=folder / "runs.sqlite3", database_synchronous="NORMAL")


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """A real server on a free loopback port, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="websockets-sansio", lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def fake() -> Provider:
    return fake_provider()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    provider = LocalProvider(workflow().specs, settings_in(tmp_path_factory.mktemp("local")))
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    app = FastAPI()
    app.include_router(FastAPIAdapter(workflow(), settings=settings_in(tmp_path_factory.mktemp("remote"))).router)
    with served(app) as url:
        provider = FastAPIProvider(url)
        yield provider
        provider.close()


class TestFakeProvider(ProviderContract):
    @pytest.fixture
    def provider(self, fake: Provider) -> Provider:
        return fake


class TestLocalProvider(ProviderContract):
    @pytest.fixture
    def provider(self, local: Provider) -> Provider:
        return local


class TestFastAPIProvider(ProviderContract):
    @pytest.fixture
    def provider(self, remote: Provider) -> Provider:
        return remote
