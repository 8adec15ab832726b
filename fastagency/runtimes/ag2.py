"""`from fastagency.runtimes.ag2 import Workflow`."""

from backend.workflow import Workflow

__all__ = ["Workflow"]
