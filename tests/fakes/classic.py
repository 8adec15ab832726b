"""Conversations of the classic AutoGen API for tests: agents on the fake model, and workflows with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from autogen import ConversableAgent, LLMConfig
from fastagency_backend.engine.run import Run
from fastagency_backend.workflow.registry import Workflow
from fastagency_shared.messages import Message

from tests.fakes.engine import Body
from tests.fakes.openai_server import OpenAIServer


def agent(name: str, server: OpenAIServer, mode: Any = "NEVER", **options: Any) -> ConversableAgent:
    """An agent with the fake model; its price keeps the framework from warning that it knows none."""
    config: dict[str, Any] = {"model": "fake", "api_key": "sk-fake", "base_url": server.base_url, "price": [0, 0]}
    return ConversableAgent(
        name,
        system_message=f"You are {name}.",
        llm_config=LLMConfig({**config, "stream": options.pop("stream", False)}),
        human_input_mode=mode,
        **options,
    )


def person(name: str = "person", mode: Any = "ALWAYS") -> ConversableAgent:
    return ConversableAgent(name, llm_config=False, human_input_mode=mode)


def flow(function: Callable[..., Any]) -> Body:
    """A workflow function as the engine runs it, in the thread or loop that its `ui` asks for."""
    workflow = Workflow()
    workflow.register(name="flow", description="A workflow of a test")(function)
    body = workflow.specs["flow"].body

    async def start(run: Run) -> str | None:
        result: str | None = await body(run)
        return result

    return start


def predictable(server: OpenAIServer) -> None:
    """Make the model's answer depend on the question only, so that two runs can be compared."""

    def answer(body: dict[str, Any]) -> str | list[dict[str, Any]]:
        asked = json.dumps([[message["role"], message.get("content")] for message in body["messages"]])
        said = hashlib.sha256(asked.encode()).hexdigest()[:8]
        if body.get("tools") and body["messages"][-1]["role"] != "tool":
            function = body["tools"][0]["function"]
            return [{"name": function["name"], "arguments": dict.fromkeys(function["parameters"]["properties"], said)}]
        return f"Answer {said}" if "writer" not in asked else f"```sh\necho {said}\n```"

    server.answer = answer  # type: ignore[method-assign]


def plain(messages: list[Any]) -> list[tuple[str, str | None, str | None, str]]:
    """Messages as tuples, without what differs from run to run: ids, times, and the ids of calls."""
    return [
        (message.type, message.sender, message.recipient, _content(message))
        for message in messages
        if isinstance(message, Message) and message.type not in ("run_status", "text_chunk")
    ]


def _content(message: Message) -> str:
    content = message.wire()["content"]
    return json.dumps({name: value for name, value in content.items() if name not in ("call_id", "question")})
