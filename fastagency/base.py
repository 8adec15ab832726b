"""`from fastagency.base import UI`."""

from backend.workflow import UI, AsyncUI, Workflow

__all__ = ["UI", "AsyncUI", "Workflow"]
