"""The offline demo model behind the classic API's protocol for custom model clients.

It says what the one for AgentChat says, and like it labels itself in the first message of every agent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from openai.types.chat import ChatCompletion

from fastagency_backend.engine.key import digest
from fastagency_backend.frameworks.classic.translate import text_of
from fastagency_backend.frameworks.offline import MARK
from fastagency_backend.frameworks.offline.talk import Scene, compose
from fastagency_backend.frameworks.offline.tool import ask_for_arguments, choose_call

Messages = Sequence[dict[str, Any]]


class OfflineModelClient:
    """Activated by itself where a configuration names it (`model.llm_config`)."""

    def __init__(self, _config: dict[str, Any]) -> None:
        """There is nothing to configure."""

    def create(self, params: dict[str, Any]) -> ChatCompletion:
        messages: Messages = params["messages"]
        message = _reply(messages, [tool["function"] for tool in params.get("tools") or ()])
        prompt = sum(_words(text_of(heard.get("content"))) for heard in messages)
        said = _words(message["content"] or "")
        return ChatCompletion.model_validate(
            {
                "id": f"offline-{digest(list(messages))}",
                "created": int(time.time()),
                "model": "offline",
                "object": "chat.completion",
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said},
            }
        )

    def message_retrieval(self, response: ChatCompletion) -> list[Any]:
        messages = [choice.message for choice in response.choices]
        return [message if message.tool_calls else message.content for message in messages]

    def cost(self, _response: ChatCompletion) -> float:
        return 0.0

    @staticmethod
    def get_usage(response: ChatCompletion) -> dict[str, Any]:
        usage = response.usage
        assert usage is not None, "every response of `create` has it"
        return {**usage.model_dump(include={"prompt_tokens", "completion_tokens", "total_tokens"})} | {
            "cost": 0.0,
            "model": response.model,
        }


def _reply(messages: Messages, functions: list[dict[str, Any]]) -> dict[str, Any]:
    last = messages[-1] if messages else {}
    asked = None
    if functions and last.get("role") == "user":
        request = text_of(last.get("content"))
        if (call := choose_call(request, functions)) is not None:
            name, arguments = call
            function = {"name": name, "arguments": json.dumps(arguments)}
            made = {"id": f"call_{digest(list(messages))[:12]}", "type": "function", "function": function}
            return {"role": "assistant", "content": None, "tool_calls": [made]}
        asked = ask_for_arguments(request, functions)
    if len(messages) > 1 and last.get("role") == "system":  # the framework asks for a summary this way
        return {"role": "assistant", "content": _summary(messages)}
    scene = _scene(messages)
    text = asked or compose(scene)
    return {"role": "assistant", "content": text if scene.turn else f"{MARK} {text}"}


def _summary(messages: Messages) -> str:
    heard = [message for message in messages if message.get("role") != "system"]
    first = text_of(heard[0].get("content")) if heard else ""
    return f"{MARK} a conversation of {len(heard)} messages that began with: {first}"


def _scene(messages: Messages) -> Scene:
    heard = [message for message in messages if message.get("role") == "user"]
    own = [message for message in messages if message.get("role") == "assistant" and message.get("content")]
    results = [message for message in messages[-1:] if message.get("role") == "tool"]
    return Scene(
        instructions=" ".join(text_of(m.get("content")) for m in messages if m.get("role") == "system"),
        task=text_of(heard[0].get("content")) if heard else "",
        speaker=str(heard[-1].get("name") or "") if heard else "",
        turn=len(own),
        results=[("function", text_of(message.get("content")), False) for message in results],
        seed=digest(list(messages)),
    )


def _words(text: str) -> int:
    return len(text.split())
