"""Says once per run, where people see it, that the offline demo model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastagency_backend.frameworks.agentchat.offline import OfflineModel

if TYPE_CHECKING:
    from autogen_core.models import ChatCompletionClient

    from fastagency_backend.workflow import AsyncUI


async def show_model(ui: AsyncUI, model: ChatCompletionClient) -> None:
    """Label the offline model; a model that was configured needs no label."""
    if isinstance(model, OfflineModel):
        await ui.system_message(sender="Workflow", message={"event": "offline_model", "text": model.label})
