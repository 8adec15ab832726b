"""AutoGen AgentChat (`pyautogen` 0.10, `autogen_agentchat`): shown, asked through the page, and recorded."""

from backend.runtimes.agentchat.instrument import install
from backend.runtimes.agentchat.person import input_func_for
from backend.runtimes.agentchat.record import tool
from backend.runtimes.agentchat.stream import is_source, process

__all__ = ["input_func_for", "install", "is_source", "process", "tool"]
