"""The places of AutoGen that are replaced so that runs are recorded, shown and asked through the page: all of them.

`agentchat.instrument` and `classic.instrument` work from this table, and `seam_check` walks it at the start and in
`fastagency check`. It names places and replacements as text, and so imports no framework.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["family", "method", "static", "module"]


@dataclass(frozen=True)
class Seam:
    """One place, and what stands there in a run.

    `family`: the method in this class and all below it, also those that have yet to be defined; `method` and `static`:
    this class's; `module`: a module that this one has imported. `signature` is the framework's own, without types and
    defaults; "" where the class has no such method, and only those below it may. `inside` is what goes there, below
    this package. `loses` is what does not work without it, as the end of a sentence.
    """

    kind: Kind
    module: str
    owner: str
    name: str
    signature: str
    inside: str
    loses: str

    @property
    def place(self) -> str:
        return ".".join(filter(None, (self.module, self.owner, self.name)))


@dataclass(frozen=True)
class Framework:
    """What is replaced in one of AutoGen's two APIs. `extra` brings its distributions."""

    name: str
    module: str
    extra: str
    tested: Mapping[str, Known]
    """By distribution."""
    seams: tuple[Seam, ...]


@dataclass(frozen=True)
class Known:
    """The version that the tests ran with, and the first one that is not expected to work, as in `pyproject.toml`."""

    version: str
    below: str


_CALL = "(self, messages, *, tools, tool_choice, json_output, extra_create_args, cancellation_token)"
_MODEL = "completions of a client that `ui.record` does not wrap are paid for again"
_TOOL = "tools are called again"
_REPLY = "(self, messages, sender, config)"
_CHAT = "(self, recipient, clear_history, silent, cache, max_turns, summary_method, summary_args, message, **kwargs)"
_CLASSIC_MODEL = "completions are paid for again, and the offline model does not answer"
_CONVERSABLE = "autogen.agentchat.conversable_agent"
_QUEUE = "autogen.io.thread_io_stream"
_SHOWN = "what agents say is not shown as they say it"
_ASKED = "questions go to the server's terminal"
_TURNS = "who takes a turn is not observed"
_BLOCKS = "a blocking call holds up every conversation"
_PRINTED = "events are printed on the server's terminal"
_THREADS = "chats that the framework puts into threads belong to no run"
_CHANCE = "a replay chooses other speakers"
_CODE = "code is executed again"
_SPAN = (
    "(self, operation, destination, parent, *, extraAttributes, kind, attributes, start_time, record_exception, "
    "set_status_on_exception, end_on_exit)"
)


def _family(module: str, owner: str, name: str, signature: str, inside: str, loses: str) -> Seam:
    return Seam("family", module, owner, name, signature, f"agentchat.{inside}", loses)


def _agent(name: str, signature: str, inside: str, loses: str) -> Seam:
    return Seam("method", _CONVERSABLE, "ConversableAgent", name, signature, f"classic.instrument:{inside}", loses)


def _method(module: str, owner: str, name: str, signature: str, inside: str, loses: str) -> Seam:
    return Seam("method", module, owner, name, signature, f"classic.instrument:{inside}", loses)


AGENTCHAT = Framework(
    name="AgentChat",
    module="autogen_agentchat",
    extra="agentchat",
    tested={
        "autogen-agentchat": Known("0.7.5", below="0.8"),
        "autogen-core": Known("0.7.5", below="0.8"),
        "autogen-ext": Known("0.7.5", below="0.8"),
    },
    seams=(
        _family(
            "autogen_agentchat.agents",
            "BaseChatAgent",
            "on_messages_stream",
            "(self, messages, cancellation_token)",
            "turn:on_messages_stream",
            _TURNS,
        ),
        _family("autogen_core.models", "ChatCompletionClient", "create", _CALL, "record:create", _MODEL),
        _family("autogen_core.models", "ChatCompletionClient", "create_stream", _CALL, "record:create_stream", _MODEL),
        _family(
            "autogen_core.tools",
            "Workbench",
            "call_tool",
            "(self, name, arguments, cancellation_token, call_id)",
            "record:call_tool",
            _TOOL,
        ),
        _family("autogen_core.tools", "Workbench", "call_tool_stream", "", "record:call_tool_stream", _TOOL),
        _family(
            "autogen_core.tools",
            "BaseTool",
            "run_json",
            "(self, args, cancellation_token, call_id)",
            "record:run_json",
            "tools without a workbench are called again",
        ),
        _family(
            "autogen_core.tools",
            "FunctionTool",
            "run",
            "(self, args, cancellation_token)",
            "record:run_function",
            "tools that are plain functions hold the event loop's threads",
        ),
        _family(
            "autogen_core.code_executor",
            "CodeExecutor",
            "execute_code_blocks",
            "(self, code_blocks, cancellation_token)",
            "record:execute_code_blocks",
            _CODE,
        ),
        _family(
            "autogen_agentchat.agents",
            "UserProxyAgent",
            "_get_input",
            "(self, prompt, cancellation_token)",
            "person:get_input",
            _ASKED,
        ),
        _family(
            "autogen_core._telemetry",
            "TraceHelper",
            "trace_block",
            _SPAN,
            "turn:trace_block",
            "a replay takes longer, and has spans of what is not done",
        ),
    ),
)

CLASSIC = Framework(
    name="The classic API",
    module="autogen",
    extra="ag2",
    tested={"autogen": Known("0.14.1", below="0.15")},
    seams=(
        _method("autogen.oai.client", "OpenAIWrapper", "create", "(self, **config)", "_create", _CLASSIC_MODEL),
        _method(
            "autogen.oai.client",
            "OpenAIWrapper",
            "_register_default_client",
            "(self, config, openai_config)",
            "_register_default_client",
            "each agent takes 15 ms of CPU to make its HTTP client",
        ),
        _agent("initiate_chat", _CHAT, "_initiate_chat", "`run` fails where a chat ends with a tool's call"),
        _agent("a_initiate_chat", _CHAT, "_a_initiate_chat", "`a_run` fails where a chat ends with a tool's call"),
        _agent("generate_reply", "(self, messages, sender, exclude)", "_generate_reply", _TURNS),
        _agent("a_generate_reply", "(self, messages, sender, exclude)", "_a_generate_reply", _TURNS),
        _agent("get_human_input", "(self, prompt, *, iostream)", "_get_human_input", "questions do not say who asks"),
        _agent("a_get_human_input", "(self, prompt, *, iostream)", "_a_get_human_input", _ASKED),
        _agent("execute_function", "(self, func_call, call_id, verbose)", "_execute_function", _TOOL),
        _agent("a_execute_function", "(self, func_call, call_id, verbose)", "_a_execute_function", _TOOL),
        _agent("a_generate_function_call_reply", _REPLY, "_a_generate_function_call_reply", _BLOCKS),
        _agent("a_generate_oai_reply", "(self, messages, sender, config, **kwargs)", "_a_generate_oai_reply", _BLOCKS),
        _agent("_generate_code_execution_reply_using_executor", _REPLY, "_execute_code", _CODE),
        _agent("run_code", "(self, code, **kwargs)", "_run_code", _CODE),
        _agent(
            "_run_async_in_thread", "(self, coro)", "_run_async_in_thread", "what asynchronous replies raise is lost"
        ),
        _method(_QUEUE, "ThreadIOStream", "send", "(self, message)", "_send", _SHOWN),
        _method(_QUEUE, "AsyncThreadIOStream", "send", "(self, message)", "_send", _SHOWN),
        _method(_QUEUE, "ThreadIOStream", "input", "(self, prompt, *, password)", "_input", _ASKED),
        _method(_QUEUE, "AsyncThreadIOStream", "input", "(self, prompt, *, password)", "_a_input", _ASKED),
        _method(
            "autogen.io.processors",
            "ConsoleEventProcessor",
            "process_event",
            "(self, event)",
            "_process_event",
            _PRINTED,
        ),
        _method(
            "autogen.io.processors",
            "AsyncConsoleEventProcessor",
            "process_event",
            "(self, event)",
            "_a_process_event",
            _PRINTED,
        ),
        Seam(
            "static",
            "autogen.io.base",
            "IOStream",
            "get_global_default",
            "()",
            "classic.instrument:_get_global_default",
            _SHOWN,
        ),
        Seam(
            "static",
            "autogen.io.base",
            "IOStream",
            "set_default",
            "(stream)",
            "classic.instrument:_set_default",
            "who reads a chat's events waits for ever when its run is dropped",
        ),
        Seam("module", _CONVERSABLE, "", "threading", "", "classic.thread:ThreadingOfRuns", _THREADS),
        Seam(
            "module",
            "autogen.agentchat.group.multi_agent_chat",
            "",
            "threading",
            "",
            "classic.thread:ThreadingOfRuns",
            _THREADS,
        ),
        Seam("module", "autogen.agentchat.groupchat", "", "random", "", "classic.function:ChanceOfRuns", _CHANCE),
        Seam(
            "module",
            "autogen.agentchat.group.targets.transition_target",
            "",
            "random",
            "",
            "classic.function:ChanceOfRuns",
            _CHANCE,
        ),
    ),
)

FRAMEWORKS = (AGENTCHAT, CLASSIC)


def owner(seam: Seam) -> Any:
    """The class or module that has the place; None if this version of the framework does not have it."""
    try:
        module = importlib.import_module(seam.module)
    except ImportError:
        return None
    found = getattr(module, seam.owner, None) if seam.owner else module
    return found if seam.kind == "family" or hasattr(found, seam.name) else None


def inside(seam: Seam) -> Callable[[Any], Any]:
    """What makes the replacement from the framework's own."""
    module, name = seam.inside.split(":")
    made: Callable[[Any], Any] = getattr(importlib.import_module(f"{__package__}.{module}"), name)
    return made
