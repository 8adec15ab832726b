"""`from fastagency.runtimes.ag2 import Workflow`."""

from fastagency_backend.frameworks.classic import llm_config
from fastagency_backend.workflow import Workflow

__all__ = ["Workflow", "llm_config"]
