"""Puts the run into the classic API: what stands in the places of the framework that the table (`seam`) names.

Outside a run each of them behaves as before. They are replaced in the framework's classes, not in agents, because a
workflow makes its agents itself, with no call of ours in between.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from autogen.agentchat.conversable_agent import is_coroutine_callable
from autogen.events.agent_events import ErrorEvent
from autogen.io.thread_io_stream import AsyncThreadIOStream, ThreadIOStream
from autogen.oai.client import PlaceHolderClient
from fastagency_shared.extras import install_command

from fastagency_backend.engine.bridge import RunEvicted, RunUnwound
from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks import connection, seam_check
from fastagency_backend.frameworks.classic import stream
from fastagency_backend.frameworks.classic.completion import record_client, refuse_on_loop
from fastagency_backend.frameworks.classic.function import (
    code_result,
    record_executor,
    record_function,
    tell_unreached,
)
from fastagency_backend.frameworks.classic.model import OFFLINE_CLIENT
from fastagency_backend.frameworks.classic.thread import in_own_loop, in_thread
from fastagency_backend.frameworks.model_settings import ModelNotUsable
from fastagency_backend.frameworks.seam import CLASSIC, inside
from fastagency_backend.frameworks.seam import owner as seam_owner

Method = Callable[..., Any]

_PRINTING_LOGGERS = ("autogen.oai.client", "autogen.oai.cohere")
"""The framework's loggers that have a handler of their own, which writes to the standard output."""

SHOWN_LIVE = "fastagency_shown_live"
"""Set on a framework's queue whose events are shown as they are sent."""


def instrument() -> None:
    """Replace the places of the table. To be called once.

    Those that this version does not have are told of, and left out.
    """
    seam_check.warn(CLASSIC)
    for seam in CLASSIC.seams:
        if (owner := seam_owner(seam)) is None:
            continue
        if seam.kind == "method":
            _replace(owner, seam.name, inside(seam))
            continue
        replacement = inside(seam)(getattr(owner, seam.name))
        setattr(owner, seam.name, staticmethod(replacement) if seam.kind == "static" else replacement)
    for name in _PRINTING_LOGGERS:
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(_off_stdout)


def _off_stdout(record: logging.LogRecord) -> bool:
    """Inside a run a record goes where the server's own go, which is the root logger's business."""
    if current_run() is None:
        return True
    if not logging.getLogger().handlers and logging.lastResort is not None and record.levelno >= logging.WARNING:
        logging.lastResort.handle(record)
    return False


def _replace(owner: type, name: str, inside: Callable[[Method], Method]) -> None:
    """Replace a method by one that calls `inside(original)(run, self, ...)` in a run and the original elsewhere.

    The replacement keeps the name: the framework finds an async method's blocking twin by it.
    """
    original = getattr(owner, name)
    in_run = inside(original)

    @functools.wraps(original)
    def method(self: Any, *args: Any, **options: Any) -> Any:
        run = current_run()
        return original(self, *args, **options) if run is None else in_run(run, self, *args, **options)

    @functools.wraps(original)
    async def a_method(self: Any, *args: Any, **options: Any) -> Any:
        run = current_run()
        return await (original(self, *args, **options) if run is None else in_run(run, self, *args, **options))

    setattr(owner, name, a_method if _is_async(original) else method)


def _is_async(method: Method) -> bool:
    return bool(is_coroutine_callable(method))


def _create(original: Method) -> Method:
    def create(run: Run, wrapper: Any, **config: Any) -> Any:
        for client in list(wrapper._clients):
            if isinstance(client, PlaceHolderClient) and client.config.get("model_client_cls") == OFFLINE_CLIENT:
                wrapper.register_model_client(_offline_client())
        for client in wrapper._clients:
            record_client(client)
        with stream.speaking(getattr(config.get("agent"), "name", None)):
            return original(wrapper, **config)

    return create


_OF_OPENAI = (None, "openai", "azure", "deepseek", "responses")
"""The kinds of configuration that make a client of the library `openai`; others take no HTTP client of ours."""


def _register_default_client(original: Method) -> Method:
    """An agent makes its HTTP client anew, in a workflow at each replay: what is dear in it is shared."""

    def register(_run: Run, wrapper: Any, config: dict[str, Any], openai_config: dict[str, Any]) -> Any:
        own = config.get("http_client") or openai_config.get("http_client")
        if own is None and config.get("api_type") in _OF_OPENAI and config.get("model_client_cls") is None:
            config = {**config, "http_client": connection.BlockingClient()}
        return original(wrapper, config, openai_config)

    return register


def _initiate_chat(original: Method) -> Method:
    def initiate_chat(_run: Run, agent: Any, recipient: Any, *args: Any, **options: Any) -> Any:
        return _with_last_name(original(agent, recipient, *args, **options), recipient)

    return initiate_chat


def _a_initiate_chat(original: Method) -> Method:
    async def a_initiate_chat(_run: Run, agent: Any, recipient: Any, *args: Any, **options: Any) -> Any:
        return _with_last_name(await original(agent, recipient, *args, **options), recipient)

    return a_initiate_chat


def _with_last_name(result: Any, recipient: Any) -> Any:
    """autogen 0.14 asks for the last message's name in `run` and `a_run`, and fails when that is a tool call."""
    if result.chat_history and "name" not in result.chat_history[-1]:
        *before, last = result.chat_history
        result.chat_history = [*before, {**last, "name": recipient.name}]
    return result


def _offline_client() -> type:
    try:
        from fastagency_backend.frameworks.classic.offline import OfflineModelClient
    except ModuleNotFoundError as error:
        raise ModelNotUsable(
            "No model is configured (FASTAGENCY_MODEL_NAME, FASTAGENCY_MODEL_API_KEY), and the offline demo model "
            f"needs more packages. Install them: {install_command('autogen')}"
        ) from error
    return OfflineModelClient


def _generate_reply(original: Method) -> Method:
    def generate_reply(run: Run, agent: Any, *args: Any, **options: Any) -> Any:
        with _turn(run, agent):
            return original(agent, *args, **options)

    return generate_reply


def _a_generate_reply(original: Method) -> Method:
    async def a_generate_reply(run: Run, agent: Any, *args: Any, **options: Any) -> Any:
        with _turn(run, agent):
            return await original(agent, *args, **options)

    return a_generate_reply


def _turn(run: Run, agent: Any) -> AbstractContextManager[None]:
    """An agent's turn, for whoever traces it; one that is replayed is nobody's, for nothing in it is done."""
    observed = run.observer.agents and not run.replaying
    return run.observer.agent(run.record, agent.name) if observed else nullcontext()


def _get_human_input(original: Method) -> Method:
    def get_human_input(run: Run, agent: Any, prompt: str, **options: Any) -> Any:
        with stream.speaking(agent.name):
            return original(agent, prompt, **options)

    return get_human_input


def _a_get_human_input(original: Method) -> Method:
    async def a_get_human_input(run: Run, agent: Any, prompt: str, **_options: Any) -> Any:
        with stream.speaking(agent.name):
            return await original(agent, prompt, iostream=stream.AsyncRunStream(run))

    return a_get_human_input


def _execute_function(original: Method) -> Method:
    def execute_function(run: Run, agent: Any, func_call: dict[str, Any], *args: Any, **options: Any) -> Any:
        refuse_on_loop(run)
        record_function(agent, func_call.get("name", ""))
        succeeded, result = original(agent, func_call, *args, **options)
        if not succeeded:
            tell_unreached(run, agent, func_call)
        return succeeded, result

    return execute_function


def _a_execute_function(original: Method) -> Method:
    async def a_execute_function(run: Run, agent: Any, func_call: dict[str, Any], *args: Any, **options: Any) -> Any:
        record_function(agent, func_call.get("name", ""))
        succeeded, result = await original(agent, func_call, *args, **options)
        if not succeeded:
            tell_unreached(run, agent, func_call)
        await run.drain()
        return succeeded, result

    return a_execute_function


def _a_generate_function_call_reply(_original: Method) -> Method:
    """The framework's own calls a blocking function on the loop."""

    async def a_generate_function_call_reply(
        run: Run, agent: Any, messages: Any = None, sender: Any = None, config: Any = None
    ) -> Any:
        message = (agent._oai_messages[sender] if messages is None else messages)[-1]
        if not message.get("function_call"):
            return False, None
        _, result = await agent.a_execute_function(message["function_call"], call_id=message.get("id"))
        return True, result

    return a_generate_function_call_reply


def _a_generate_oai_reply(_original: Method) -> Method:
    """The framework's own uses the loop's shared pool of threads, and leaves the context behind."""

    async def a_generate_oai_reply(
        run: Run, agent: Any, messages: Any = None, sender: Any = None, config: Any = None, **options: Any
    ) -> Any:
        await run.drain()
        return await in_thread(
            lambda: agent.generate_oai_reply(messages=messages, sender=sender, config=config, **options)
        )

    return a_generate_oai_reply


def _execute_code(original: Method) -> Method:
    def generate_code_execution_reply(run: Run, agent: Any, *args: Any, **options: Any) -> Any:
        if agent.code_executor is not None:
            record_executor(agent.code_executor)
        return original(agent, *args, **options)

    return generate_code_execution_reply


def _run_code(original: Method) -> Method:
    def run_code(run: Run, agent: Any, code: str, **options: Any) -> Any:
        request = {"code": code, "lang": options.get("lang")}
        return tuple(code_result(run, request, lambda: list(original(agent, code, **options))))

    return run_code


def _run_async_in_thread(_original: Method) -> Method:
    def run_async_in_thread(run: Run, _agent: Any, coroutine: Any) -> Any:
        refuse_on_loop(run)
        return in_own_loop(coroutine)

    return run_async_in_thread


def _send(original: Method) -> Method:
    def send(run: Run, queue: Any, message: Any) -> None:
        setattr(queue, SHOWN_LIVE, True)
        stream.show(run, message)
        original(queue, message)

    return send


def _input(_original: Method) -> Method:
    def ask(run: Run, _queue: Any, prompt: str = "", *, password: bool = False) -> str:
        return stream.ask_blocking(run, prompt, password=password)

    return ask


def _a_input(_original: Method) -> Method:
    async def ask(run: Run, _queue: Any, prompt: str = "", *, password: bool = False) -> str:
        return await stream.ask(run, prompt, password=password)

    return ask


def _process_event(_original: Method) -> Method:
    """`response.process()` inside a run: the events are shown already, and the server's terminal is nobody's."""

    def process_event(_run: Run, _processor: Any, _event: Any) -> None:
        return

    return process_event


def _a_process_event(_original: Method) -> Method:
    async def process_event(run: Run, _processor: Any, _event: Any) -> None:
        await run.drain()

    return process_event


def _get_global_default(original: Callable[[], Any]) -> Callable[[], Any]:
    @functools.wraps(original)
    def get_global_default() -> Any:
        run = current_run()
        return original() if run is None else stream.RunStream(run)

    return get_global_default


def _set_default(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """When the run is dropped under a chat that has a reader in another thread or task, the reader must end too."""

    @functools.wraps(original)
    @contextmanager
    def set_default(target: Any) -> Iterator[None]:
        with original(target):
            try:
                yield
            except (RunUnwound, RunEvicted) as gone:
                if isinstance(target, ThreadIOStream):
                    target.input_stream.put(ErrorEvent(error=gone))
                elif isinstance(target, AsyncThreadIOStream):
                    target.input_stream.put_nowait(ErrorEvent(error=gone))
                raise

    return set_default
