"""What a workflow's author uses: `Workflow` to publish functions, `UI` and `AsyncUI` inside them."""

from backend.workflow.choice import Choices
from backend.workflow.registry import Workflow
from backend.workflow.ui import UI, AsyncUI

__all__ = ["UI", "AsyncUI", "Choices", "Workflow"]
