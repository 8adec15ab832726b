"""The processes of both sides. Without the peer's environment (`tests/interop/run` builds it) nothing is collected."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from fastagency_frontend.client import FastAPIProvider

from tests.e2e.conftest import browser, running, visit
from tests.e2e.process import Process, page_process
from tests.fakes.openai_server import OpenAIServer
from tests.interop.programs import PEER_VARIABLE, our_backend, our_guide_backend, their_backend

__all__ = ["browser", "visit"]  # fixtures

ProviderOf = Callable[[str], FastAPIProvider]

collect_ignore_glob = [] if PEER_VARIABLE in os.environ else ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/interop/" in item.path.as_posix():
            item.add_marker(pytest.mark.interop)


@pytest.fixture
def provider_of() -> Iterator[ProviderOf]:
    """Makes our provider for an address, and closes it after the test."""
    made: list[FastAPIProvider] = []

    def make(url: str) -> FastAPIProvider:
        made.append(FastAPIProvider(url))
        return made[-1]

    yield make
    for provider in made:
        provider.close()


@pytest.fixture(scope="session")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Our backend with the guide's workflows."""
    yield from running(our_guide_backend(tmp_path_factory.mktemp("guide")))


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Our backend behind a prefix and a password."""
    yield from running(our_backend(tmp_path_factory.mktemp("ours")))


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The peer's backend; its agents talk to a fake model."""
    with OpenAIServer() as model:
        yield from running(their_backend(tmp_path_factory.mktemp("theirs"), model.base_url))


@pytest.fixture(scope="session")
def our_page(theirs: Process, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Our page for the peer's backend."""
    yield from running(page_process("gthread", theirs, tmp_path_factory.mktemp("page")))
