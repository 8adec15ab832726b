"""The door to the agent frameworks: everything that knows one of them lives below this package.

Nothing here imports a framework until it is needed: an application that uses one pays for one, and a framework whose
extra is not installed is only missed when it is used.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fastagency_shared.extras import install_command

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import ModuleType

    from autogen_core.models import ChatCompletionClient as ChatCompletionClient
    from autogen_core.tools import FunctionTool

    from fastagency_backend.engine.failure import Failure
    from fastagency_backend.engine.run import Run

_ACCEPTED = (
    "an AgentChat stream (`team.run_stream(task=...)`), an AgentChat result (`await team.run(task=...)`) "
    "or an AG2 run response (`agent.run(...)`, `await agent.a_run(...)`)"
)


class MissingExtra(ImportError):
    """A framework is used whose extra is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed. Install them: {install_command(extra)}")


def install() -> None:
    """Instrument the frameworks that are imported by now. Called at every run's start: it is cheap.

    The classic API is instrumented as soon as it is imported, be it by a workflow under way.
    """
    from fastagency_backend.frameworks import classic

    if _loaded("autogen_core"):
        _agentchat("An application that uses autogen_core")
    classic.install()


def prepare() -> None:
    """Before the first run: instrument what the application imported, and make what all model clients share.

    Imports take up to seconds and an SSL context 25 ms, so this is for a thread, and not for the loop that runs need.
    """
    install()
    if not (_loaded("autogen_core") or _loaded("autogen")):
        return
    try:
        from fastagency_backend.frameworks import connection
    except ModuleNotFoundError:  # no client library is installed either
        return
    connection.shared_client()
    if _loaded("autogen_core"):
        with suppress(ModuleNotFoundError):  # of `autogen_ext`: whoever needs it will say so
            importlib.import_module("fastagency_backend.frameworks.agentchat.openai")


async def process(source: object, run: Run) -> str:
    """Show everything that `source` produces, as messages of the run, and return its result as text.

    `source` is what an agent framework returns for a conversation; something to await is awaited first.

    Raises:
        TypeError: it is nothing of the kind.
        MissingExtra: it looks like AgentChat's, which is not installed.
    """
    install()
    if inspect.iscoroutine(source):
        source = await source
    if _loaded("autogen"):
        from fastagency_backend.frameworks import classic

        if classic.is_response(source):
            return await classic.process(source, run)
    if _loaded("autogen_agentchat") or inspect.isasyncgen(source):
        agentchat = _agentchat("Showing what an AgentChat team does")
        if agentchat.is_source(source):
            return str(await agentchat.process(source, run))
    raise TypeError(f"ui.process cannot show {_described(source)}; give it {_ACCEPTED}.")


def explain(run: Run, error: BaseException) -> Failure | None:
    """Why a workflow failed, in words for people; None if nothing better is known than that it did."""
    from fastagency_backend.frameworks import failure

    return failure.explain(run, error)


def process_blocking(source: object, run: Run) -> str:
    """`process` for a workflow's own thread; AgentChat's agents work on the engine's loop meanwhile."""
    install()
    if _loaded("autogen"):
        from fastagency_backend.frameworks import classic

        if classic.is_response(source):
            return classic.process_blocking(source, run)
    return run.bridge.wait_for(process(source, run))


def model_client() -> ChatCompletionClient:
    """An AutoGen `ChatCompletionClient` from the settings, recorded; offline when none is configured.

    Raises:
        MissingExtra: AgentChat is not installed.
        ModelNotUsable: the settings are wrong; the text says how.
    """
    agentchat = _agentchat("ui.model_client()")
    from fastagency_backend.frameworks.agentchat import model

    made: ChatCompletionClient = agentchat.recording(model.model_client())
    return made


def record(client: ChatCompletionClient) -> ChatCompletionClient:
    """A client of the application's own, recorded.

    Raises:
        TypeError: it is no model client of AgentChat.
    """
    recorded: ChatCompletionClient = _agentchat("ui.record()").recording(client)
    return recorded


def input_func(run: Run) -> Callable[..., Awaitable[str]]:
    """For AgentChat's `UserProxyAgent(input_func=...)`: asks through the page."""
    ask: Callable[..., Awaitable[str]] = _agentchat("ui.input_func").input_func_for(run)
    return ask


def tool(fn: Callable[..., Any], *, description: str | None = None, name: str | None = None) -> FunctionTool:
    """An AgentChat tool from a function; its description defaults to the docstring."""
    made: FunctionTool = _agentchat("ui.tool()").tool(fn, description=description, name=name)
    return made


def _agentchat(what: str) -> ModuleType:
    try:
        from fastagency_backend.frameworks import agentchat
    except ModuleNotFoundError as error:
        raise MissingExtra(what, "agentchat") from error
    agentchat.install()
    return agentchat


def _loaded(module: str) -> bool:
    return module in sys.modules


def _described(source: object) -> str:
    name = type(source).__qualname__
    if callable(getattr(source, "run_stream", None)):
        return f"the {name} itself"
    return f"a value of type {name}"
