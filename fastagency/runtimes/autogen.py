"""`from fastagency.runtimes.autogen import AutoGenWorkflows`."""

from fastagency_backend.workflow import Workflow

AutoGenWorkflows = Workflow

__all__ = ["AutoGenWorkflows", "Workflow"]
