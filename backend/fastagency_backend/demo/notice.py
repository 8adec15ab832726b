"""Says once per run, where people see it, that the offline demo model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastagency_backend.frameworks.agentchat.client import RecordingClient
from fastagency_backend.frameworks.agentchat.offline import OfflineModel

if TYPE_CHECKING:
    from autogen_core.models import ChatCompletionClient

    from fastagency_backend.workflow import AsyncUI


async def show_model(ui: AsyncUI, model: ChatCompletionClient) -> None:
    """Label the offline model; a model that was configured needs no label."""
    inside = model.client if isinstance(model, RecordingClient) else model
    if isinstance(inside, OfflineModel):
        await ui.system_message(sender="Workflow", message={"event": "offline_model", "text": inside.label})
