"""AgentChat's clients for OpenAI and Azure, on the connections that this process shares.

AgentChat passes an `http_client` on to the client library, but takes none from a component's configuration. So classes
of ours add it, and stand in a configuration where AgentChat's own are named.
"""

from __future__ import annotations

from typing import Any

from autogen_core.models import ModelInfo
from autogen_ext.models.openai import AzureOpenAIChatCompletionClient, OpenAIChatCompletionClient, _model_info

from fastagency_backend.frameworks import connection


class _Connected:
    _raw_config: dict[str, Any]

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"http_client": connection.shared_client(), **options})
        self._raw_config.pop("http_client", None)  # it is no part of the configuration that this client can write


class OpenAIClient(_Connected, OpenAIChatCompletionClient):
    """See the module's docstring; in a configuration that it writes it names AgentChat's own class."""


class AzureClient(_Connected, AzureOpenAIChatCompletionClient):
    """See the module's docstring; in a configuration that it writes it names AgentChat's own class."""


_OURS = {
    "autogen_ext.models.openai.OpenAIChatCompletionClient": OpenAIClient,
    "OpenAIChatCompletionClient": OpenAIClient,
    "openai_chat_completion_client": OpenAIClient,
    "autogen_ext.models.openai.AzureOpenAIChatCompletionClient": AzureClient,
    "AzureOpenAIChatCompletionClient": AzureClient,
    "azure_openai_chat_completion_client": AzureClient,
}
"""By the names that AgentChat knows its classes by."""


def connected(config: Any) -> Any:
    """A component's configuration, with our classes for AgentChat's own, also for a client inside another one."""
    match config:
        case dict():
            inner = {name: connected(value) for name, value in config.items()}
            cls = _OURS.get(config["provider"]) if isinstance(config.get("provider"), str) else None
            return inner if cls is None else inner | {"provider": f"{cls.__module__}.{cls.__qualname__}"}
        case list():
            return [connected(value) for value in config]
    return config


def known_info(model: str) -> ModelInfo | None:
    """What AutoGen knows of a model, if it knows it."""
    try:
        return _model_info.get_info(model)
    except (KeyError, ValueError):
        return None
