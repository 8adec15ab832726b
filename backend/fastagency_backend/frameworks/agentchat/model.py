"""The model client of the settings, as AutoGen's agents take it; its calls are recorded like any other client's."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, cast

from autogen_core.models import ChatCompletionClient, ModelInfo
from fastagency_shared.extras import install_command
from fastagency_shared.fault import describe
from pydantic import ValidationError

from fastagency_backend.frameworks.agentchat.offline import OfflineModel
from fastagency_backend.frameworks.model_settings import ModelNotUsable, ModelSettings, read_settings

logger = logging.getLogger(__name__)

DEFAULT_MODEL = "gpt-4o-mini"
NO_KEY = "not-needed"
"""Sent to a server of one's own when no key is set: the client library insists on one."""

_ASSUMED: dict[str, Any] = {
    "function_calling": True,
    "json_output": True,
    "structured_output": False,
    "vision": False,
    "family": "unknown",
    "multiple_system_messages": True,
}


def model_client(settings: ModelSettings | None = None) -> ChatCompletionClient:
    """A new client, on connections that all share. Whoever takes it may close it.

    Raises:
        ModelNotUsable: the settings are wrong; the text says how.
    """
    settings = settings or read_settings()
    if settings.config is not None:
        return _from_config(settings.config)
    if settings.configured:
        return _openai(settings)
    logger.warning("No model is configured (FASTAGENCY_MODEL_*): the offline demo model answers")
    return OfflineModel()


def _from_config(config: str) -> ChatCompletionClient:
    text = config if config.lstrip().startswith("{") else _read(Path(config))
    try:
        return ChatCompletionClient.load_component(_connected(json.loads(text)))
    except json.JSONDecodeError as error:
        problem = f"it is not JSON ({error})"
    except ModuleNotFoundError as error:
        problem = f"it needs the package {error.name!r}, which is not installed"
    except ValidationError as error:
        problem = describe(error)
    except Exception as error:  # noqa: BLE001 - whatever the component's own constructor objects to
        problem = str(error)
    raise ModelNotUsable(f"FASTAGENCY_MODEL_CONFIG cannot be used: {problem}.")


def _connected(config: Any) -> Any:
    try:
        from fastagency_backend.frameworks.agentchat import openai
    except (
        ModuleNotFoundError
    ):  # then the configuration is of another maker's client, or loading it says what is missing
        return config
    return openai.connected(config)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelNotUsable(
            f"FASTAGENCY_MODEL_CONFIG must be JSON or the path of a JSON file; {str(path)!r} cannot be read "
            f"({error.strerror})."
        ) from None


def _openai(settings: ModelSettings) -> ChatCompletionClient:
    try:
        from fastagency_backend.frameworks.agentchat import openai
    except ModuleNotFoundError as error:
        raise ModelNotUsable(
            f"A model is configured, but the package {error.name!r} is missing. "
            f"Install it: {install_command('agentchat')}"
        ) from None
    options = _options(settings)
    chosen = {name: value for name in _ASSUMED if (value := getattr(settings, name, None)) is not None}
    known = openai.known_info(options["model"]) or _ASSUMED
    return openai.OpenAIClient(**options, model_info=cast("ModelInfo", {**known, **chosen}))


def _options(settings: ModelSettings) -> dict[str, Any]:
    options: dict[str, Any] = {"timeout": settings.timeout_s, "max_retries": settings.max_retries}
    key = settings.api_key.get_secret_value() if settings.api_key else None
    if settings.base_url is not None:
        if not settings.base_url.startswith(("http://", "https://")):
            raise ModelNotUsable(
                f"FASTAGENCY_MODEL_BASE_URL must begin with http:// or https://, and is {settings.base_url!r}."
            )
        if settings.name is None:
            raise ModelNotUsable(
                f"FASTAGENCY_MODEL_NAME is not set: name the model that {settings.base_url} is to answer with."
            )
        options["base_url"] = settings.base_url
        key = key or NO_KEY
    if key is None:
        raise ModelNotUsable(
            f"The model {settings.name!r} needs FASTAGENCY_MODEL_API_KEY (or OPENAI_API_KEY), "
            "or FASTAGENCY_MODEL_BASE_URL for a server that needs no key."
        )
    return options | {"model": settings.name or DEFAULT_MODEL, "api_key": key}
