"""The composition root: from settings to a store and what works over it. Nothing else chooses which parts are used."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fastagency_shared.errors import InvalidSettings
from fastagency_shared.extras import extra

from fastagency_backend.engine.api import Api
from fastagency_backend.engine.catalogue import Catalogue
from fastagency_backend.engine.engine import Engine, EngineSettings
from fastagency_backend.engine.limits import Limits
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.engine.vault import VARIABLE, Vault, read_keys
from fastagency_backend.observe import observer_for
from fastagency_backend.settings import BackendSettings
from fastagency_backend.store import Archive, SqliteArchive, SqliteStore, Store, examine_file
from fastagency_backend.store.dispatch import Builds
from fastagency_backend.store.people import People
from fastagency_backend.store.signals import Deaf, SharedSignals
from fastagency_backend.url import Database, PostgresUrl, SqliteFile

if TYPE_CHECKING:
    from fastagency_backend.people.bearer import Bearers
    from fastagency_backend.people.oidc import IssuerTokens

NEEDS_POSTGRES = "FASTAGENCY_DATABASE=postgresql://..."
NEEDS_NATS = "FASTAGENCY_SIGNALS=nats://..."
NOT_FOR_A_FILE = (
    "FASTAGENCY_SIGNALS is for a PostgreSQL database: processes that share a SQLite file are on one machine, and tell "
    "each other without it. Unset it."
)


def store_for(settings: BackendSettings) -> Store:
    """The store that the settings name; not open yet.

    Raises:
        ImportError: it needs an extra that is not installed.
        InvalidSettings, StoreError: its signals cannot go where the settings say.
    """
    match settings.database:
        case SqliteFile(path):
            if settings.signals is not None:
                raise InvalidSettings(NOT_FOR_A_FILE)
            return SqliteStore(path, synchronous=settings.database_synchronous, may_migrate=settings.migrate)
        case PostgresUrl(full):
            with extra("postgres", needed_by=NEEDS_POSTGRES):
                from fastagency_backend.store.postgres import Options, PostgresStore
            listen = settings.database_listen
            options = Options(
                lanes=settings.database_writers,
                readers=settings.database_readers,
                pooled=settings.database_pooled,
                listen_url=None if listen is None else listen.full,
                migrate=settings.migrate,
            )
            store: Store = PostgresStore(full, options, _signals_for(settings))
            return store


def _signals_for(settings: BackendSettings) -> SharedSignals | None:
    """None: the database's own."""
    if settings.signals is None:
        return None
    with extra("nats", needed_by=NEEDS_NATS):
        from fastagency_backend.store.nats import NatsSignals
    return NatsSignals(settings.signals.full)


def archive_for(database: Database) -> Archive:
    """A database to copy from or to. Raises `ImportError` if it needs an extra that is not installed."""
    match database:
        case SqliteFile(path):
            return SqliteArchive(path)
        case PostgresUrl(full):
            with extra("postgres", needed_by="A database postgresql://..."):
                from fastagency_backend.store.postgres import PostgresArchive
            archive: Archive = PostgresArchive(full)
            return archive


def engine_for(
    specs: Mapping[str, WorkflowSpec], settings: BackendSettings, on_failure: Callable[[str], None] | None = None
) -> Engine:
    """An engine over the store of the settings. Create it on the loop that it is to live on.

    `on_failure` is called there with a sentence when the worker cannot go on.
    """
    engine_settings = EngineSettings(
        warm_s=settings.warm_s,
        lease_s=settings.lease_s,
        retention_s=settings.retention_s,
        max_live=settings.max_live_runs,
        max_attempts=settings.max_attempts,
        watch_folder=_watch_folder(settings.database),
        frozen_s=settings.frozen_s,
        frozen_exit_s=settings.frozen_exit_s,
        max_at_work_per_user=settings.max_runs_at_work_per_user,
        limits=_limits(settings),
        vault=vault_for(settings),
        builds=Builds(
            settings.build, None if settings.compatible_builds is None else frozenset(settings.compatible_builds)
        ),
    )
    return Engine(store_for(settings), specs, engine_settings, observer_for(settings), on_failure)


def api_for(catalogue: Catalogue, settings: BackendSettings, on_failure: Callable[[str], None] | None = None) -> Api:
    """What serves clients without driving runs. As for `engine_for`."""
    return Api(
        store_for(settings), catalogue, _limits(settings), observer_for(settings), on_failure, vault_for(settings)
    )


def vault_for(settings: BackendSettings) -> Vault:
    """What seals passwords. Raises `InvalidSettings`: the key is none."""
    keys = "" if settings.secret_key is None else settings.secret_key.get_secret_value()
    return Vault(read_keys(keys, VARIABLE) if keys else (), settings.key_file)


def bearers_for(settings: BackendSettings, people: Callable[[], Awaitable[People]]) -> Bearers | None:
    """What reads the tokens of people who have signed in; None where nobody does. `people` gives the open store's.

    Raises:
        InvalidSettings: there is no such key, or an extra is not installed.
    """
    if settings.sign_in == "none":
        return None
    if settings.oidc_audience is not None and settings.oidc_issuer is None:
        raise InvalidSettings(
            "FASTAGENCY_OIDC_AUDIENCE is set, but not FASTAGENCY_OIDC_ISSUER, whose tokens would count."
        )
    try:
        from fastagency_shared.page_key import PageKey, PublicKey
    except ImportError as error:
        raise InvalidSettings(f"FASTAGENCY_SIGN_IN={settings.sign_in}: {error}") from error
    from fastagency_backend.people.bearer import Bearers
    from fastagency_backend.people.token import ApiTokens

    if settings.page_public_key is None and settings.page_key is not None:
        public = PageKey.load(settings.page_key.get_secret_value(), settings.page_key_file).public
    else:
        public = PublicKey.load(settings.page_public_key, settings.page_key_file)
    return Bearers(public, ApiTokens(people), _issuer_for(settings))


def _issuer_for(settings: BackendSettings) -> IssuerTokens | None:
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    from fastagency_backend.people.oidc import Issuer, IssuerTokens

    return IssuerTokens(Issuer(settings.oidc_issuer, settings.oidc_audience, settings.oidc_roles_claim))


@asynccontextmanager
async def opened(settings: BackendSettings) -> AsyncIterator[Store]:
    """The store of the settings, for a command beside the processes that use it. Raises `StoreError`."""
    store = store_for(settings.model_copy(update={"signals": None}))
    await store.open(Deaf())
    try:
        yield store
    finally:
        await store.close()


def wipe(settings: BackendSettings) -> str:
    """Let what was deleted be found in no file of the database; one sentence on that. Raises `StoreError`."""
    if not isinstance(settings.database, SqliteFile):
        return "PostgreSQL overwrites it with the next VACUUM; backups and the server's log archive are yours to clear."
    from fastagency_backend.store.sqlite.wipe import wipe

    if wipe(settings.database.path):
        return "Nothing of it is left in the database's files; backups are yours to clear."
    return "The log beside the database still has some of it, for it is being read: repeat the command, or wait."


async def migrate(settings: BackendSettings) -> None:
    """Bring the database to the newest version, or make it. Raises `StoreError`."""
    async with opened(settings.model_copy(update={"migrate": True})):
        pass


async def begin_epoch(settings: BackendSettings) -> int:
    """Let no cursor and no lease of before count any more, for the database was restored; returns the new epoch.

    Raises:
        InvalidSettings: it is a SQLite file.
        StoreError: it cannot be used.
    """
    if isinstance(settings.database, SqliteFile):
        raise InvalidSettings(
            f"`--new-epoch` is for a PostgreSQL database, and FASTAGENCY_DATABASE is {settings.database}. Leave it out."
        )
    with extra("postgres", needed_by=NEEDS_POSTGRES):
        from fastagency_backend.store.postgres import PostgresStore
    async with opened(settings) as store:
        assert isinstance(store, PostgresStore)
        return await store.begin_epoch()


def examine_database(settings: BackendSettings) -> str:
    """One sentence on the database, for `fastagency check`; nothing is changed.

    Raises:
        StoreError: it cannot be used; the text says why.
        ImportError: it needs an extra that is not installed.
    """
    if isinstance(settings.database, SqliteFile):
        return examine_file(settings.database.path)
    return asyncio.run(_examine(settings))


def examine_signals(settings: BackendSettings) -> str:
    """One sentence on the signals, for `fastagency check`. Raises as `examine_database` does, and `InvalidSettings`."""
    if settings.signals is None:
        return "They go through the database."
    if isinstance(settings.database, SqliteFile):
        raise InvalidSettings(NOT_FOR_A_FILE)
    with extra("nats", needed_by=NEEDS_NATS):
        from fastagency_backend.store.nats import reach
    return f"{asyncio.run(reach(settings.signals.full))} answers."


async def _examine(settings: BackendSettings) -> str:
    store = store_for(settings.model_copy(update={"migrate": False, "signals": None}))
    await store.open(Deaf())
    try:
        census = await store.census()
    finally:
        await store.close()
    return f"{settings.database} has {sum(census.runs.values())} conversations."


def _limits(settings: BackendSettings) -> Limits:
    return Limits(
        max_message_bytes=settings.max_message_bytes,
        max_params_bytes=settings.max_params_bytes,
        max_answer_bytes=settings.max_answer_bytes,
        max_step_bytes=settings.max_step_bytes,
    )


def _watch_folder(database: Database) -> Path:
    """Where the processes on this machine look after each other: beside the file, or in a folder of this user's."""
    if isinstance(database, SqliteFile):
        return database.path.parent
    user = os.getuid() if hasattr(os, "getuid") else ""
    folder = Path(tempfile.gettempdir()) / f"fastagency-{user}"
    with suppress(OSError):  # whoever wants to write there says that it cannot
        folder.mkdir(0o700, exist_ok=True)
    return folder
