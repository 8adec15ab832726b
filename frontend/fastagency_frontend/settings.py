"""The settings of the frontend process: read from the environment once, in `main`, and passed down."""

from pathlib import Path
from typing import Annotated, Literal

from fastagency_shared.address import Hosts
from fastagency_shared.errors import InvalidSettings
from fastagency_shared.fault import describe_settings
from fastagency_shared.logs import LogFormat
from fastagency_shared.prefix import Prefix
from pydantic import Field, SecretStr, ValidationError, field_validator
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
    allow_anonymous: bool = Field(
        default=False,
        description="Whether other machines may ask, and proxies, where nobody signs in.",
    )
    allowed_hosts: Annotated[Hosts, NoDecode] = Field(
        default=[],
        description="Names under which this server may be asked, besides localhost, separated by commas; "
        "`*.example.org` is every name below that one, `*` any.",
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
    frontend_connections_per_address: int = Field(
        default=250, ge=1, description="Connections that one address may have open; more are closed at once."
    )
    request_timeout_s: float = Field(
        default=30.0, gt=0, description="How many seconds the backend may take to answer one request."
    )
    reconnect_timeout_s: float = Field(
        default=60.0,
        gt=0,
        description="How many seconds the backend may stay away before a conversation stops waiting for it.",
    )
    sign_in: Literal["none", "password", "proxy", "oidc"] = Field(
        default="none",
        description="How people sign in: `password` (a file), `proxy` (a header of a proxy), `oidc` (OpenID Connect); "
        "`none`: not at all. The page and the backend need the same.",
    )
    password_file: Path = Field(
        default=Path("fastagency-people.json"),
        description="With `password`: the file of people, which `fastagency user` writes.",
    )
    trusted_proxies: Annotated[list[str], NoDecode] = Field(
        default=[],
        description="Addresses and networks of the proxies in front of the page, separated by commas, or `unix` for a "
        "socket file: what they say of a client is believed.",
    )
    proxy_user_header: str = Field(
        default="X-Forwarded-User",
        min_length=1,
        description="With `proxy`: the header in which a trusted proxy names the user.",
    )
    proxy_roles_header: str | None = Field(
        default=None, description="With `proxy`: the header with the user's roles, separated by commas."
    )
    proxy_sign_out_url: str | None = Field(
        default=None, description="With `proxy`: where the proxy lets people sign out, such as `/oauth2/sign_out`."
    )
    oidc_issuer: str | None = Field(
        default=None, description="With `oidc`: the address of the identity provider, as it names itself."
    )
    oidc_client_id: str | None = Field(default=None, description="With `oidc`: the name of this page there.")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="With `oidc`: its secret; unset for a public client."
    )
    oidc_roles_claim: str = Field(
        default="roles",
        description="With `oidc`: the claim with the roles, such as `groups`; a dot leads into an object.",
    )
    public_url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="The address at which people open the page, such as `https://chat.example.org`; unset: as requests "
        "say it.",
    )
    page_key: SecretStr | None = Field(
        default=None,
        description="With a way to sign in: the private key (PEM, Ed25519) with which the page signs who asks; unset: "
        "that of FASTAGENCY_PAGE_KEY_FILE.",
    )
    page_key_file: Path = Field(
        default=Path("fastagency-page-key.pem"),
        description="The file with the page's key, which the process that starts first makes.",
    )
    token: SecretStr | None = Field(
        default=None,
        description="For `fastagency run` in a terminal: the bearer token that says who asks; `--token` wins over it.",
    )
    log_level: str = Field(
        default="INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="How much is logged, unless the application has configured logging itself.",
    )
    log_format: LogFormat = Field(default="text", description="`text`, or `json` for one JSON object per line.")

    @field_validator("forward_headers", "trusted_proxies", mode="before")
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
