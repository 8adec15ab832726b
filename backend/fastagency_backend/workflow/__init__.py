"""What a workflow's author uses: `Workflow` to publish functions, `UI` and `AsyncUI` inside them."""

from fastagency_backend.workflow.choice import Choices
from fastagency_backend.workflow.registry import Workflow
from fastagency_backend.workflow.ui import UI, AsyncUI

__all__ = ["UI", "AsyncUI", "Choices", "Workflow"]
