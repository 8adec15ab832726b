"""What a log line says of its run."""

from __future__ import annotations

from fastagency_shared.logs import NOTHING

from fastagency_backend.store.base import RunRecord


def about(record: RunRecord) -> dict[str, str]:
    """The fields of a run (`fastagency_shared.logs.ABOUT`); as `extra` for a line that is written outside of it."""
    return {"run_id": record.id, "workflow": record.workflow, "user": record.user_id or NOTHING}
