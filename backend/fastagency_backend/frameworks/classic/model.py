"""The model of the settings, as the classic API's agents take it."""

from __future__ import annotations

import logging
from typing import Any

from autogen import LLMConfig

from fastagency_backend.frameworks.model_settings import ModelNotUsable, ModelSettings, read_settings

logger = logging.getLogger(__name__)

DEFAULT_MODEL = "gpt-4o-mini"
OFFLINE_CLIENT = "OfflineModelClient"


def llm_config(settings: ModelSettings | None = None, **options: Any) -> LLMConfig:
    """For `ConversableAgent(llm_config=...)`; `options`, such as `temperature`, are those of `LLMConfig`.

    Raises:
        ModelNotUsable: the settings are wrong; the text says how.
    """
    settings = settings or read_settings()
    if settings.config is not None:
        raise ModelNotUsable(
            "FASTAGENCY_MODEL_CONFIG is for AgentChat; for the classic API set FASTAGENCY_MODEL_NAME, "
            "FASTAGENCY_MODEL_BASE_URL and FASTAGENCY_MODEL_API_KEY."
        )
    if not settings.configured:
        logger.warning("No model is configured (FASTAGENCY_MODEL_*): the offline demo model answers")
        return LLMConfig({"model": "offline", "model_client_cls": OFFLINE_CLIENT}, **options)
    return LLMConfig(_entry(settings), **options)


def _entry(settings: ModelSettings) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "model": settings.name or DEFAULT_MODEL,
        "timeout": int(settings.timeout_s),
        "max_retries": settings.max_retries,
    }
    key = settings.api_key.get_secret_value() if settings.api_key else None
    if settings.base_url is not None:
        return {**entry, "base_url": settings.base_url, "api_key": key or "not-needed"}
    if key is None:
        raise ModelNotUsable(
            f"The model {settings.name!r} needs FASTAGENCY_MODEL_API_KEY (or OPENAI_API_KEY), "
            "or FASTAGENCY_MODEL_BASE_URL for a server that needs no key."
        )
    return {**entry, "api_key": key}
