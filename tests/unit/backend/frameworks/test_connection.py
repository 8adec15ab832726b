"""Model clients share what is dear to make, and nothing else of one is felt by another."""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
import threading
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from autogen import ConversableAgent, LLMConfig, OpenAIWrapper
from autogen_core.models import UserMessage
from fastagency_backend import frameworks
from fastagency_backend.engine.context import current_record, current_run, entered, left
from fastagency_backend.frameworks import connection
from fastagency_backend.frameworks.agentchat.model import model_client
from fastagency_backend.frameworks.agentchat.openai import AzureClient, connected
from fastagency_backend.frameworks.model_settings import ModelSettings

from tests.fakes.openai_server import OpenAIServer

ASK = [UserMessage(content="hi", source="user")]


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def settings(server: OpenAIServer) -> ModelSettings:
    return ModelSettings(name="house-model", base_url=server.base_url, max_retries=0)


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """The SSL contexts that httpx makes, in a process that has none yet."""
    made: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def counted(*args: Any, **options: Any) -> ssl.SSLContext:
        made.append(create(*args, **options))
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    monkeypatch.setattr(connection, "_context", None)
    monkeypatch.setattr(connection, "_shared", None)
    return made


RECORD = SimpleNamespace(id="r", workflow="w", user_id=None)
AZURE = {"api_type": "azure", "base_url": "https://a.example", "api_version": "1"}
CONFIGS = [
    {"name": "unknown-model", "base_url": "http://localhost:1/v1"},
    {"name": "gpt-4o", "api_key": "k"},
    {
        "config": json.dumps(
            {"provider": "OpenAIChatCompletionClient", "config": {"model": "gpt-4o", "api_key": "k", "timeout": 5}}
        )
    },
]


@pytest.mark.parametrize("settings", CONFIGS, ids=["own server", "openai", "config"])
def test_a_hundred_model_clients_make_one_ssl_context(settings: dict[str, Any], contexts: list[ssl.SSLContext]) -> None:
    clients = [model_client(ModelSettings(**settings)) for _ in range(100)]

    assert len(contexts) == 1
    assert len(clients) == 100
    config = clients[0].dump_component()
    assert config.provider == "autogen_ext.models.openai.OpenAIChatCompletionClient"
    assert "http_client" not in config.config


def test_a_client_for_azure_shares_it_too(contexts: list[ssl.SSLContext]) -> None:
    where = {"azure_endpoint": "https://a.example", "azure_deployment": "d", "api_version": "1"}
    for _ in range(3):
        AzureClient(model="gpt-4o", api_key="k", **where)
    assert len(contexts) == 1
    for name in ("AzureOpenAIChatCompletionClient", "autogen_ext.models.openai.AzureOpenAIChatCompletionClient"):
        inside = {"provider": "a.Cache", "config": {"client": {"provider": name, "config": {"model": "m"}}}}
        assert connected(inside)["config"]["client"] == {
            "provider": "fastagency_backend.frameworks.agentchat.openai.AzureClient",
            "config": {"model": "m"},
        }


def test_a_hundred_agents_of_the_classic_api_make_one_ssl_context(contexts: list[ssl.SSLContext]) -> None:
    frameworks.install()
    run: Any = SimpleNamespace(record=RECORD)
    with entered(run):
        agents = [
            ConversableAgent("ann", llm_config=LLMConfig({"model": "m", "api_key": "k", **kind}))
            for kind in ({}, {"base_url": "http://localhost:1/v1"}, {"api_type": "responses"}, AZURE)
            for _ in range(25)
        ]

    assert len(contexts) == 1
    assert len(agents) == 100


def test_an_http_client_of_the_applications_own_is_left_in_its_place(contexts: list[ssl.SSLContext]) -> None:
    frameworks.install()
    run: Any = SimpleNamespace(record=RECORD)
    with httpx.Client(verify=False) as own, entered(run):
        wrapper = OpenAIWrapper(config_list=[{"model": "m", "api_key": "k", "http_client": own}])
        assert wrapper._clients[0]._oai_client._client is own


async def test_clients_share_a_connection_and_closing_one_closes_no_other(
    settings: ModelSettings, server: OpenAIServer
) -> None:
    first, second = model_client(settings), model_client(settings)
    await first.create(ASK)
    await first.close()
    await second.create(ASK)
    await second.close()

    assert len(server.calls) == 2
    assert server.connections == 1


def test_each_loop_has_connections_of_its_own_which_are_closed_with_it(settings: ModelSettings) -> None:
    client = model_client(settings)
    seen: list[httpx.AsyncClient] = []

    async def ask() -> None:
        await client.create(ASK)
        seen.append(await connection._client())

    threads = [threading.Thread(target=asyncio.run, args=(ask(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(map(id, seen))) == 3
    assert all(each.is_closed for each in seen)
    assert not connection._by_loop


def test_a_loop_that_was_closed_without_a_word_is_forgotten(settings: ModelSettings) -> None:
    abandoned = asyncio.new_event_loop()
    abandoned.run_until_complete(connection._client())
    abandoned.close()

    async def other() -> None:
        await connection._client()
        assert set(connection._by_loop) == {asyncio.get_running_loop()}

    asyncio.run(other())


@pytest.mark.parametrize("loops", ["asyncio", "uvloop"])
def test_a_connection_does_not_keep_the_run_that_opened_it(server: OpenAIServer, loops: str) -> None:
    """uvloop's transports keep the context that they were made in."""

    class Held(SimpleNamespace):
        """Stands for a run."""

    async def ask() -> None:
        await connection.shared_client().get(f"{server.base_url}/models")

    async def ask_in(run: Any) -> None:
        with entered(run):
            await ask()

    async def main() -> None:
        run = Held(record=RECORD, tasks=set())
        gone = weakref.ref(run)
        await asyncio.create_task(ask_in(run))
        del run
        gc.collect()

        assert gone() is None
        await ask()
        assert server.connections == 1, "that is, the connection was open all the time"

    with asyncio.Runner(loop_factory=pytest.importorskip(loops).new_event_loop) as runner:
        runner.run(main())


def test_who_has_left_a_run_still_knows_whose_work_it_does() -> None:
    run: Any = SimpleNamespace(record=RECORD)
    with entered(run):
        with left():
            assert current_run() is None
            assert current_record() is RECORD
            with left():
                assert current_record() is RECORD
        assert current_run() is run
    assert current_record() is None
