"""What identifies a request to a model: who asks and what, without the ids that differ each time it is asked.

Tool results carry the id of the model's call, and AgentChat names each team's agents with a fresh number: neither must
keep a replay from recognising a request. The model's own name is left out too: a conversation that was begun with one
model goes on, after a change of settings, from the answers it already has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from autogen_core import MessageHandlerContext
from autogen_core.models import LLMMessage
from pydantic import BaseModel

_TEAM_ID = re.compile(r"_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_IDS = frozenset({"id", "call_id"})


def scope() -> str:
    """The name of the agent at work; "" outside of a team."""
    try:
        agent_type: str = MessageHandlerContext.agent_id().type
    except RuntimeError:
        return ""
    return _TEAM_ID.sub("", agent_type)


def without_ids(messages: Sequence[LLMMessage], options: Mapping[str, Any]) -> dict[str, Any]:
    """A model request as JSON-able data."""
    return {
        "messages": [_message(message) for message in messages],
        "tools": [_tool(tool) for tool in options.get("tools") or ()],
        "tool_choice": _choice(options.get("tool_choice", "auto")),
        "json_output": _output(options.get("json_output")),
        "extra": _plain(dict(options.get("extra_create_args") or {})),
    }


def _message(message: LLMMessage) -> dict[str, Any]:
    data = message.model_dump(mode="json")
    if isinstance(data["content"], list):
        data["content"] = [_anonymous(part) for part in data["content"]]
    return data


def _anonymous(part: Any) -> Any:
    return {name: value for name, value in part.items() if name not in _IDS} if isinstance(part, dict) else part


def _tool(tool: Any) -> Any:
    return _plain(tool if isinstance(tool, Mapping) else tool.schema)


def _choice(choice: Any) -> str:
    return choice if isinstance(choice, str) else str(choice.name)


def _output(output: Any) -> Any:
    if isinstance(output, type) and issubclass(output, BaseModel):
        return output.model_json_schema()
    return output


def _plain(value: Any) -> Any:
    """Through JSON, so that what cannot be written as JSON goes in by its text and not by its place in memory."""
    return json.loads(json.dumps(value, sort_keys=True, default=_name))


def _name(value: object) -> str:
    return (value if isinstance(value, type) else type(value)).__qualname__
