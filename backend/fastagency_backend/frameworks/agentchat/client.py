"""`RecordingClient`: a model client around another one, whose completions belong to the run that asks for them.

The explicit way to record, on nothing but AutoGen's public interface of a model client. A client that nobody wrapped is
recorded by the methods that `instrument` replaces in its class; one inside another is recorded once, by the outer one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from autogen_core import ComponentModel
from autogen_core.models import ChatCompletionClient, CreateResult, LLMMessage, ModelInfo, RequestUsage

from fastagency_backend.frameworks.agentchat import record
from fastagency_backend.frameworks.hook import leave_alone


def recording(client: ChatCompletionClient) -> ChatCompletionClient:
    """The client, recorded; one that is already is given back as it is.

    Raises:
        TypeError: it is no model client of AgentChat.
    """
    if not isinstance(client, ChatCompletionClient):
        raise TypeError(
            f"ui.record() takes an AgentChat model client (a `ChatCompletionClient`), not {type(client).__qualname__}."
        )
    return client if isinstance(client, RecordingClient) else RecordingClient(client)


async def _create(self: RecordingClient, messages: Sequence[LLMMessage], **options: Any) -> CreateResult:
    return await self.client.create(messages, **options)


def _create_stream(
    self: RecordingClient, messages: Sequence[LLMMessage], **options: Any
) -> AsyncGenerator[str | CreateResult, None]:
    return self.client.create_stream(messages, **options)


_recorded_create = record.create(_create)
_recorded_create_stream = record.create_stream(_create_stream)


class RecordingClient(ChatCompletionClient):
    """See the module's docstring. `client` is the one inside; options are handed on as they come."""

    def __init__(self, client: ChatCompletionClient) -> None:
        self.client = client

    @leave_alone
    async def create(self, messages: Sequence[LLMMessage], **options: Any) -> CreateResult:
        result: CreateResult = await _recorded_create(self, messages, **options)
        return result

    @leave_alone
    def create_stream(self, messages: Sequence[LLMMessage], **options: Any) -> AsyncGenerator[str | CreateResult, None]:
        stream: AsyncGenerator[str | CreateResult, None] = _recorded_create_stream(self, messages, **options)
        return stream

    async def close(self) -> None:
        await self.client.close()

    def actual_usage(self) -> RequestUsage:
        return self.client.actual_usage()

    def total_usage(self) -> RequestUsage:
        return self.client.total_usage()

    def count_tokens(self, messages: Sequence[LLMMessage], **options: Any) -> int:
        return self.client.count_tokens(messages, **options)

    def remaining_tokens(self, messages: Sequence[LLMMessage], **options: Any) -> int:
        return self.client.remaining_tokens(messages, **options)

    @property
    def capabilities(self) -> ModelInfo:
        return self.client.model_info

    @property
    def model_info(self) -> ModelInfo:
        return self.client.model_info

    def dump_component(self) -> ComponentModel:
        """The client's own: what is recorded is no matter of a team's configuration."""
        return self.client.dump_component()
