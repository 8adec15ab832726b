"""Puts the recording around AgentChat's classes, once per process, and again around classes that were missed."""

from __future__ import annotations

import logging
from types import TracebackType

from autogen_agentchat.agents import BaseChatAgent, UserProxyAgent
from autogen_core.code_executor import CodeExecutor
from autogen_core.models import ChatCompletionClient
from autogen_core.tools import BaseTool, FunctionTool, Workbench

from fastagency_backend.frameworks.agentchat import person, record, turn
from fastagency_backend.frameworks.hook import Family

_FAMILIES = (
    Family(BaseChatAgent, {"on_messages_stream": turn.on_messages_stream}),
    Family(ChatCompletionClient, {"create": record.create, "create_stream": record.create_stream}),
    Family(Workbench, {"call_tool": record.call_tool, "call_tool_stream": record.call_tool_stream}),
    Family(BaseTool, {"run_json": record.run_json}),
    Family(FunctionTool, {"run": record.run_function}),
    Family(CodeExecutor, {"execute_code_blocks": record.execute_code_blocks}),
    Family(UserProxyAgent, {"_get_input": person.get_input}),
)

_TALKATIVE = ("autogen_core", "autogen_agentchat")
"""Loggers that write every message of a conversation at INFO; an application that wants that sets their level."""


def install() -> None:
    """Instrument AgentChat; cheap when it was done before."""
    for family in _FAMILIES:
        family.install()
    logging.getLogger("asyncio").addFilter(_left_behind)
    for name in _TALKATIVE:
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.WARNING)


def _left_behind(record: logging.LogRecord) -> bool:
    """Drop one known complaint: AgentChat's runtime counts a message twice when its task is cancelled with a run."""
    error = record.exc_info[1] if record.exc_info else None
    return not (
        isinstance(error, ValueError)
        and str(error) == "task_done() called too many times"
        and _raised_in(error.__traceback__).startswith("autogen_core.")
    )


def _raised_in(traceback: TracebackType | None) -> str:
    name = ""
    while traceback is not None:
        name = str(traceback.tb_frame.f_globals.get("__name__", ""))
        traceback = traceback.tb_next
    return name
