"""`from fastagency.runtimes.autogen import AutoGenWorkflows`."""

from backend.workflow import Workflow

AutoGenWorkflows = Workflow

__all__ = ["AutoGenWorkflows", "Workflow"]
