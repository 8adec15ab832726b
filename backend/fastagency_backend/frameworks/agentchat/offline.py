"""The model that answers when none is configured: no network, no knowledge, but a conversation to look at.

It is a complete `ChatCompletionClient`: it streams, calls tools and reports usage, so that everything around it works
as with a real model. The same messages always give the same answer. It says itself what it is, at the beginning of the
first message of every agent that uses it; `label` is the sentence for whoever wants to say so more prominently.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Literal, Self, TypeGuard

from autogen_core import CancellationToken, Component, FunctionCall
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from fastagency_backend.engine.key import digest
from fastagency_backend.frameworks.offline import MARK
from fastagency_backend.frameworks.offline.talk import Scene, compose
from fastagency_backend.frameworks.offline.tool import ask_for_arguments, choose_call

LABEL = "Offline demo model (no API key is set): what it says is made up from your words."
_PEOPLE = ("user", "human", "person")
CONTEXT_TOKENS = 32_000


class OfflineModelConfig(BaseModel):
    """`word_delay_s` is the pause after each streamed word."""

    word_delay_s: float = 0.02


class OfflineModel(ChatCompletionClient, Component[OfflineModelConfig]):
    """See the module's docstring."""

    component_type = "model"
    component_config_schema = OfflineModelConfig
    component_provider_override = "fastagency_backend.frameworks.agentchat.offline.OfflineModel"

    label = LABEL

    def __init__(self, word_delay_s: float = 0.02) -> None:
        self._word_delay_s = word_delay_s
        self._usage = RequestUsage(prompt_tokens=0, completion_tokens=0)

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        if json_output:
            raise ValueError("The offline demo model cannot answer in JSON; configure a model (FASTAGENCY_MODEL_*).")
        content = _answer(messages, tools, tool_choice)
        usage = RequestUsage(prompt_tokens=_tokens(messages), completion_tokens=_words(content))
        self._usage = RequestUsage(
            prompt_tokens=self._usage.prompt_tokens + usage.prompt_tokens,
            completion_tokens=self._usage.completion_tokens + usage.completion_tokens,
        )
        reason: Literal["stop", "function_calls"] = "stop" if isinstance(content, str) else "function_calls"
        return CreateResult(finish_reason=reason, content=content, usage=usage, cached=False)

    async def create_stream(
        self, messages: Sequence[LLMMessage], **options: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        result = await self.create(messages, **options)
        if isinstance(result.content, str):
            for word in result.content.split(" "):
                await asyncio.sleep(self._word_delay_s)
                yield f"{word} "
        yield result

    async def close(self) -> None:
        """There is nothing to close."""

    def actual_usage(self) -> RequestUsage:
        return self._usage

    def total_usage(self) -> RequestUsage:
        return self._usage

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        return _tokens(messages)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        return max(0, CONTEXT_TOKENS - _tokens(messages))

    @property
    def capabilities(self) -> ModelInfo:
        return self.model_info

    @property
    def model_info(self) -> ModelInfo:
        return ModelInfo(
            vision=False,
            function_calling=True,
            json_output=False,
            structured_output=False,
            family="unknown",
            multiple_system_messages=True,
        )

    def _to_config(self) -> OfflineModelConfig:
        return OfflineModelConfig(word_delay_s=self._word_delay_s)

    @classmethod
    def _from_config(cls, config: OfflineModelConfig) -> Self:
        return cls(word_delay_s=config.word_delay_s)


def _answer(
    messages: Sequence[LLMMessage], tools: Sequence[Tool | ToolSchema], tool_choice: Tool | str
) -> str | list[FunctionCall]:
    seed = digest([message.model_dump(mode="json") for message in messages])
    last = messages[-1] if messages else None
    asked = None
    if tools and tool_choice != "none" and isinstance(last, UserMessage):
        schemas = [tool if isinstance(tool, Mapping) else tool.schema for tool in tools]
        call = choose_call(_text(last), schemas, must=tool_choice == "required")
        if call is not None:
            name, arguments = call
            return [FunctionCall(id=f"call_{seed[:12]}", name=name, arguments=json.dumps(arguments))]
        asked = ask_for_arguments(_text(last), schemas)
    scene = _scene(messages, seed)
    text = asked or compose(scene)
    return text if scene.turn else f"{MARK} {text}"


def _scene(messages: Sequence[LLMMessage], seed: str) -> Scene:
    heard = [message for message in messages if isinstance(message, UserMessage)]
    own = [place for place, message in enumerate(messages) if isinstance(message, AssistantMessage)]
    spoken = [place for place in own if isinstance(messages[place].content, str)]
    people = [_text(message) for message in messages[own[-1] if own else 0 :] if _is_person(message)]
    last = messages[-1] if messages else None
    results = last.content if isinstance(last, FunctionExecutionResultMessage) else []
    return Scene(
        instructions=" ".join(message.content for message in messages if isinstance(message, SystemMessage)),
        task=_text(heard[0]) if heard else "",
        speaker=heard[-1].source if heard else "",
        person=people[-1] if people else "",
        turn=len(spoken),
        results=[(result.name, result.content, bool(result.is_error)) for result in results],
        seed=seed,
    )


def _is_person(message: LLMMessage) -> TypeGuard[UserMessage]:
    return isinstance(message, UserMessage) and message.source.lower() in _PEOPLE


def _text(message: UserMessage) -> str:
    content = message.content
    return content if isinstance(content, str) else " ".join(part for part in content if isinstance(part, str))


def _tokens(messages: Sequence[LLMMessage]) -> int:
    return sum(_words(message.content) for message in messages)


def _words(content: object) -> int:
    return len(str(content).split())
