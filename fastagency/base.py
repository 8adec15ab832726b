"""`from fastagency.base import UI`."""

from fastagency_backend.workflow import UI, AsyncUI, Workflow

__all__ = ["UI", "AsyncUI", "Workflow"]
