"""The composition root: from settings to a store and an engine over it. Nothing else chooses which parts are used."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastagency_backend.engine.engine import Engine, EngineSettings
from fastagency_backend.engine.limits import Limits
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.observe import observer_for
from fastagency_backend.settings import BackendSettings
from fastagency_backend.store import SqliteStore


def engine_for(
    specs: Mapping[str, WorkflowSpec], settings: BackendSettings, on_failure: Callable[[str], None] | None = None
) -> Engine:
    """An engine over the embedded store. Create it on the loop that it is to live on.

    `on_failure` is called there with a sentence when the worker cannot go on.
    """
    store = SqliteStore(settings.database, synchronous=settings.database_synchronous)
    engine_settings = EngineSettings(
        warm_s=settings.warm_s,
        lease_s=settings.lease_s,
        retention_s=settings.retention_s,
        max_live=settings.max_live_runs,
        max_attempts=settings.max_attempts,
        watch_folder=settings.database.parent,
        frozen_s=settings.frozen_s,
        frozen_exit_s=settings.frozen_exit_s,
        max_at_work_per_user=settings.max_runs_at_work_per_user,
        limits=Limits(
            max_message_bytes=settings.max_message_bytes,
            max_params_bytes=settings.max_params_bytes,
            max_answer_bytes=settings.max_answer_bytes,
            max_step_bytes=settings.max_step_bytes,
        ),
    )
    return Engine(store, specs, engine_settings, observer_for(settings), on_failure)
