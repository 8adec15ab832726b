"""`from fastagency.runtimes.ag2 import Workflow`."""

from backend.runtimes.ag2 import llm_config
from backend.workflow import Workflow

__all__ = ["Workflow", "llm_config"]
