"""The settings of a backend process: environment variables that begin with FASTAGENCY_, or lines of a `.env` file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from fastagency_shared.address import Hosts, Origins
from fastagency_shared.errors import InvalidSettings
from fastagency_shared.fault import describe_settings
from fastagency_shared.logs import LogFormat
from fastagency_shared.prefix import Prefix
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fastagency_backend.url import Database, NatsUrl, PostgresUrl, SqliteFile, read_database

HOUR_S = 3_600.0
DAY_S = 86_400.0
ENV_PREFIX = "FASTAGENCY_"


def _read_signals(value: object) -> NatsUrl | None:
    return None if value is None or value == "" else NatsUrl.read(value)


def _read_listen(value: object) -> PostgresUrl | None:
    return None if value is None or value == "" else PostgresUrl.read(value)


class BackendSettings(BaseSettings):
    """Built once by whoever starts the process, and passed down."""

    # An address may have a password in it, so no error quotes what was set.
    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, env_file=".env", extra="ignore", hide_input_in_errors=True)

    backend_host: str = Field(default="127.0.0.1", description="Address the backend listens on.")
    backend_port: int = Field(default=8008, ge=0, le=65535, description="Port the backend listens on.")
    backend_prefix: Prefix = Field(
        default="", description="The path under which a proxy shows the backend, such as /agents; unset: at the root."
    )
    workflows: str = Field(
        default="fastagency_backend.demo:wf",
        description="The workflows that `fastagency_backend.main:app` serves, as `module:attribute`.",
    )
    get_user_id: str | None = Field(
        default=None,
        description="For `fastagency backend` and `fastagency api`: the FastAPI dependency that says who calls, as "
        "`module:function`; unset: a caller is whoever the request claims.",
    )
    sign_in: Literal["none", "password", "proxy", "oidc"] = Field(
        default="none",
        description="How people sign in at the page; the backend then verifies the page's tokens, unless "
        "FASTAGENCY_GET_USER_ID says who calls. `none`: not at all.",
    )
    page_public_key: str | None = Field(
        default=None,
        description="Where people sign in: the public key (PEM, Ed25519) of the page, or several while a new one takes "
        "the place of an old one; unset: that of FASTAGENCY_PAGE_KEY, or of FASTAGENCY_PAGE_KEY_FILE.",
    )
    page_key: SecretStr | None = Field(
        default=None, description="The page's private key, if both processes are started with the same settings."
    )
    page_key_file: Path = Field(
        default=Path("fastagency-page-key.pem"),
        description="The file with the page's key, which the process that starts first makes.",
    )
    oidc_issuer: str | None = Field(
        default=None, description="With `oidc`: the address of the identity provider, as it names itself."
    )
    oidc_audience: str | None = Field(
        default=None,
        description="Where people sign in, the audience for which bearer tokens of FASTAGENCY_OIDC_ISSUER count at the "
        "backend; unset: none do.",
    )
    oidc_roles_claim: str = Field(
        default="roles",
        description="With `oidc`: the claim with the roles, such as `groups`; a dot leads into an object.",
    )
    session_hours: float = Field(
        default=12.0,
        gt=0,
        le=168,
        description="Where people sign in: hours without use after which a session ends; after seven days it ends in "
        "any case.",
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
    allowed_origins: Annotated[Origins, NoDecode] = Field(
        default=[],
        description="Origins of pages that may use the backend, besides its own, separated by commas, such as "
        "`https://example.org`.",
    )
    database: Annotated[Database, BeforeValidator(read_database), NoDecode] = Field(
        default=SqliteFile(Path(".fastagency/runs.sqlite3")),
        description="What keeps every conversation: the path of a SQLite file (or `sqlite:///path`), or "
        "`postgresql://user@host/name`.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="The key that seals the passwords people answer with (32 random bytes in base64 or hexadecimal "
        "digits), and behind it, separated by commas, older ones that only open; unset: that of "
        "FASTAGENCY_SECRET_KEY_FILE.",
    )
    secret_key_file: Path | None = Field(
        default=None,
        description="The file with that key, which is made when it is first needed; unset: the name of the SQLite file "
        "with `.key` behind it, or `.fastagency/secret.key`.",
    )
    migrate: bool = Field(
        default=True,
        description="Whether a process that starts brings the database up to date; if not, only `fastagency migrate` "
        "does.",
    )
    database_writers: int = Field(
        default=2, ge=1, le=64, description="Connections to PostgreSQL over which one process writes."
    )
    database_readers: int = Field(
        default=4, ge=1, le=256, description="Connections to PostgreSQL over which one process reads, at most."
    )
    database_pooled: bool = Field(
        default=False,
        description="Whether FASTAGENCY_DATABASE is the address of a PgBouncer in transaction mode.",
    )
    database_listen: Annotated[PostgresUrl | None, BeforeValidator(_read_listen), NoDecode] = Field(
        default=None,
        description="Behind a PgBouncer, the address of the server itself, for the one connection that listens.",
    )
    signals: Annotated[NatsUrl | None, BeforeValidator(_read_signals), NoDecode] = Field(
        default=None,
        description="Through what processes tell each other of changes: `nats://host`; unset: through the database.",
    )
    database_synchronous: str = Field(
        default="FULL",
        pattern="^(FULL|NORMAL)$",
        description="`FULL` survives a power cut; `NORMAL` is quicker and survives a kill of the process only.",
    )
    warm_s: float = Field(
        default=30.0,
        ge=0,
        description="Seconds that a run which waits for a person stays in memory before it is parked.",
    )
    lease_s: float = Field(
        default=3.0, ge=0.5, description="Seconds after which a worker that died loses its runs to another."
    )
    max_live_runs: int = Field(default=5000, ge=1, description="Runs that one process keeps in memory at a time.")
    build: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="The name of the code that this process runs, such as a version; a conversation remembers the "
        "build that drove it last.",
    )
    compatible_builds: Annotated[list[str] | None, NoDecode] = Field(
        default=None,
        description="The builds whose conversations this process goes on with, beside its own, separated by commas; "
        "unset: any.",
    )
    worker_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port on which `fastagency worker` says how it is (`/fastagency/health`, and "
        "FASTAGENCY_METRICS_PATH); unset: none.",
    )
    worker_host: str = Field(default="127.0.0.1", description="Address on which FASTAGENCY_WORKER_PORT listens.")
    max_attempts: int = Field(
        default=3,
        ge=1,
        description="Times in a row that a conversation may take its process down before it is set aside as failed.",
    )
    frozen_s: float = Field(
        default=10.0,
        ge=0.5,
        description="Seconds that the event loop may stand still; then the log says where, and others take its runs.",
    )
    frozen_exit_s: float | None = Field(
        default=None,
        ge=1.0,
        description="Seconds after which a process whose event loop stands still ends, for its supervisor to start it "
        "again; unset: never.",
    )
    max_runs_at_work_per_user: int | None = Field(
        default=None,
        ge=1,
        description="Runs of one signed-in user that are at work at a time, over all processes (one that waits for a "
        "person, or sleeps, is not); more wait for their turn. Unset: no limit.",
    )
    max_starts_per_minute: int = Field(
        default=60,
        ge=1,
        description="Conversations that one signed-in user may start in a minute; an address where nobody is signed "
        "in: ten times as many.",
    )
    max_at_work_per_user: int = Field(
        default=100,
        ge=1,
        description="Conversations of one signed-in user that are at work; then no more can be started for a while.",
    )
    max_streams_per_user: int = Field(
        default=100,
        ge=1,
        description="Sockets and streams that one signed-in user may have open; an address where nobody is signed in: "
        "ten times as many.",
    )
    max_bytes_per_day: int = Field(
        default=268_435_456,
        ge=1,
        description="Bytes of params and answers of one signed-in user that are stored in a day; an address where "
        "nobody is signed in: ten times as many.",
    )
    max_refused_per_minute: int = Field(
        default=300,
        ge=1,
        description="Requests of one address that may fail to sign in, in a minute; then it is not asked who it is.",
    )
    max_body_bytes: int = Field(
        default=2_097_152, ge=4096, description="Bytes of the body of a request, before anything is made of it."
    )
    max_message_bytes: int = Field(
        default=1_048_576,
        ge=4096,
        description="Bytes of a message. What is shown is cut with a note; a larger question or result is an error in "
        "the workflow.",
    )
    max_params_bytes: int = Field(default=1_000_000, ge=2, description="Bytes of the params of a run, as JSON.")
    max_answer_bytes: int = Field(
        default=400_000, ge=1, description="Bytes of an answer; a text has at most 100,000 characters, too."
    )
    max_step_bytes: int = Field(
        default=4_194_304,
        ge=4096,
        description="Bytes, as JSON, of what one step returns: a completion, a call of a tool, `ui.step`.",
    )
    retention_days: float | None = Field(
        default=None, gt=0, description="Days after which an ended conversation is removed; unset keeps all."
    )
    log_level: str = Field(
        default="INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="How much is logged, unless the application has configured logging itself.",
    )
    log_format: LogFormat = Field(
        default="text",
        description="`text`, or `json` for one JSON object per line; each line inside a run has its `run_id`.",
    )
    access_log: bool = Field(
        default=False,
        description="Whether `fastagency start` and `fastagency backend` write a line for each request to the backend.",
    )

    metrics_path: str | None = Field(
        default=None,
        pattern="^/",
        description="Path at which the backend serves metrics for Prometheus, such as `/metrics`, to whoever asks; "
        "unset: none.",
    )
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Port on which metrics are served apart from all else; unset: none."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address on which FASTAGENCY_METRICS_PORT listens.")

    traces: bool = Field(
        default=False,
        description="Whether spans are sent to OpenTelemetry: through the application's own tracer provider, or to "
        "OTEL_EXPORTER_OTLP_ENDPOINT.",
    )
    traces_content: bool = Field(
        default=False, description="Whether spans hold what people, models and tools say, and the texts of errors."
    )

    @field_validator("compatible_builds", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @property
    def key_file(self) -> Path:
        """Where the key of passwords is, if it is not in the settings."""
        if self.secret_key_file is not None:
            return self.secret_key_file
        if isinstance(self.database, SqliteFile):
            return self.database.path.with_name(self.database.path.name + ".key")
        return Path(".fastagency/secret.key")

    @property
    def retention_s(self) -> float | None:
        return None if self.retention_days is None else self.retention_days * DAY_S


def load_settings() -> BackendSettings:
    """Read the settings.

    Raises:
        InvalidSettings: a variable has a value that cannot be used.
    """
    try:
        return BackendSettings()
    except ValidationError as error:
        raise InvalidSettings(describe_settings(error, ENV_PREFIX)) from None
