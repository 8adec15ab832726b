"""AutoGen AgentChat (`pyautogen` 0.10, `autogen_agentchat`): shown, asked through the page, and recorded."""

from fastagency_backend.frameworks.agentchat.client import recording
from fastagency_backend.frameworks.agentchat.instrument import install
from fastagency_backend.frameworks.agentchat.person import input_func_for
from fastagency_backend.frameworks.agentchat.record import tool
from fastagency_backend.frameworks.agentchat.stream import is_source, process

__all__ = ["input_func_for", "install", "is_source", "process", "recording", "tool"]
