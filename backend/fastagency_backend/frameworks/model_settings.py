"""Which model the workflows use: environment variables that begin with FASTAGENCY_MODEL_, or lines of a `.env` file."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from fastagency_shared.errors import FastAgencyError
from fastagency_shared.fault import faults
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

_ENV_FILE = ".env"
_PREFIXES = ("FASTAGENCY_MODEL_", "OPENAI_")


class ModelNotUsable(FastAgencyError):
    """The settings name no model that can be used; the text says what to change."""


class ModelSettings(BaseSettings):
    """Nothing set means the offline demo model. `config` goes before the other ways to name a model."""

    model_config = SettingsConfigDict(
        env_prefix="FASTAGENCY_MODEL_", env_file=_ENV_FILE, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    name: str | None = Field(
        default=None, description="Name of the model, as its server knows it; `gpt-4o-mini` if only a key is given."
    )
    base_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("FASTAGENCY_MODEL_BASE_URL", "OPENAI_BASE_URL"),
        description="Address of an OpenAI-compatible server, such as `http://localhost:11434/v1`; unset: OpenAI.",
    )
    api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("FASTAGENCY_MODEL_API_KEY", "OPENAI_API_KEY"),
        description="Key for the server; one of your own may need none.",
    )
    config: str | None = Field(
        default=None,
        description="AutoGen's own component configuration of a model client: JSON, or the path of a JSON file.",
    )
    timeout_s: float = Field(default=120.0, gt=0, description="Seconds to wait for an answer of the model.")
    max_retries: int = Field(
        default=4, ge=0, description="How often a call that the server could not serve is repeated."
    )
    function_calling: bool | None = Field(
        default=None, description="Whether the model can call tools; a model that AutoGen does not know is taken to."
    )
    json_output: bool | None = Field(
        default=None, description="Whether the model can answer in JSON; an unknown model is taken to."
    )
    structured_output: bool | None = Field(
        default=None, description="Whether the model can follow a JSON schema; an unknown model is taken not to."
    )
    vision: bool | None = Field(
        default=None, description="Whether the model can see images; an unknown model is taken not to."
    )
    family: str | None = Field(default=None, description="AutoGen's name of the model's family, such as `gpt-4o`.")

    @property
    def configured(self) -> bool:
        """Whether there is a model at all, other than the offline one."""
        return any((self.config, self.name, self.base_url, self.api_key))


def read_settings() -> ModelSettings:
    """The settings as they are now in the environment.

    Every agent of every run asks for them, and reading takes half a millisecond: so what was read is kept for as long
    as what it was read from stays as it is.

    Raises:
        ModelNotUsable: a value does not fit.
    """
    variables = {name: value for name, value in os.environ.items() if name.upper().startswith(_PREFIXES)}
    return _read(frozenset(variables.items()), _state_of(Path(_ENV_FILE)))


def _state_of(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=1)
def _read(_variables: frozenset[tuple[str, str]], _file: object) -> ModelSettings:
    try:
        return ModelSettings()
    except ValidationError as error:
        first = faults(error)[0]
        name = str(first.place[0])
        variable = name if name.isupper() else f"FASTAGENCY_MODEL_{name.upper()}"
        raise ModelNotUsable(f"The setting {variable} does not fit: {first.says}.") from None
