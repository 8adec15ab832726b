"""One object for each process, and connections of its own for each, with a real fork."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest
from autogen_core.models import UserMessage
from fastagency_backend.frameworks.agentchat.model import model_client
from fastagency_backend.frameworks.model_settings import ModelSettings
from fastagency_frontend.client.perprocess import PerProcess

from tests.fakes.openai_server import OpenAIServer


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_makes_its_own_and_closes_none_of_the_parent() -> None:
    each = PerProcess(os.getpid)
    assert each.get() == os.getpid()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        before = each.take()
        os.write(writer, f"{before} {each.get() == os.getpid()}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b"None True"
    os.close(reader)
    os.close(writer)
    assert each.get() == os.getpid()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_opens_connections_of_its_own_to_the_model() -> None:
    with OpenAIServer() as server:
        client = model_client(ModelSettings(name="house-model", base_url=server.base_url, max_retries=0))

        async def ask() -> None:
            await client.create([UserMessage(content="hi", source="user")])

        async def ask_around_a_fork() -> None:
            await ask()
            child = os.fork()
            if child == 0:
                asked = threading.Thread(target=asyncio.run, args=(ask(),))
                asked.start()
                asked.join()
                os._exit(0)
            await asyncio.to_thread(os.waitpid, child, 0)
            await ask()  # on the connection that the child left alone

        asyncio.run(ask_around_a_fork())

    assert len(server.calls) == 3
    assert server.connections == 2
