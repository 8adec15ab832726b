"""The settings of the frontend process: read from the environment once, in `main`, and passed down."""

from typing import Annotated

from fastagency_shared.errors import InvalidSettings
from fastagency_shared.fault import describe_settings
from fastagency_shared.logs import LogFormat
from fastagency_shared.prefix import Prefix
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENV_PREFIX = "FASTAGENCY_"


class FrontendSettings(BaseSettings):
    """What can be set about the frontend; the variable of a field is `FASTAGENCY_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_file=".env", extra="ignore", frozen=True)

    backend_port: int = Field(default=8008, ge=0, le=65535, description="The backend's port, if it is on this machine.")
    backend_url: str = Field(
        default_factory=lambda data: f"http://127.0.0.1:{data.get('backend_port', 8008)}",
        description="Where the backend is, as seen from this process; may have a path prefix. "
        "Unset: on this machine, at FASTAGENCY_BACKEND_PORT.",
    )
    frontend_host: str = Field(
        default="127.0.0.1",
        description="The address to listen on; 0.0.0.0 lets other machines in.",
    )
    frontend_port: int = Field(default=8888, ge=0, le=65535, description="The port to listen on; 0 takes any free one.")
    frontend_prefix: Prefix = Field(
        default="",
        description="The path under which a proxy shows the page, such as /chat; unset: at the root.",
    )
    title: str | None = Field(default=None, description="The name of the application, shown at the top of the page.")
    description: str | None = Field(default=None, description="One or two sentences shown where a person starts.")
    forward_headers: Annotated[list[str], NoDecode] = Field(
        default=["authorization"],
        description="Headers of a person's request that are passed on to the backend, separated by commas.",
    )
    frontend_threads: int = Field(
        default=64, ge=2, le=1000, description="Threads that serve people; each live page holds one for a while."
    )
    request_timeout_s: float = Field(
        default=30.0, gt=0, description="How many seconds the backend may take to answer one request."
    )
    reconnect_timeout_s: float = Field(
        default=60.0,
        gt=0,
        description="How many seconds the backend may stay away before a conversation stops waiting for it.",
    )
    log_level: str = Field(
        default="INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="How much is logged, unless the application has configured logging itself.",
    )
    log_format: LogFormat = Field(default="text", description="`text`, or `json` for one JSON object per line.")

    @field_validator("forward_headers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        names = value.split(",") if isinstance(value, str) else value
        return [str(name).strip().lower() for name in names if str(name).strip()] if isinstance(names, list) else names


class TerminalSettings(BaseSettings):
    """What terminals and the people in front of them say in variables of no program's own; never in a `.env` file."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    no_color: str = Field(default="", description="Not empty: no colours, see https://no-color.org.")
    term: str = Field(default="", description="`dumb`: the terminal knows no colours.")
    wt_session: str | None = Field(default=None, description="Set by the terminal of Windows that knows colours.")


def load_settings() -> FrontendSettings:
    """Read the settings from the environment.

    Raises:
        InvalidSettings: a variable has a value that cannot be used.
    """
    try:
        return FrontendSettings()
    except ValidationError as error:
        raise InvalidSettings(describe_settings(error, ENV_PREFIX)) from None
