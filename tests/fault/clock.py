"""A workflow that is at work for longer than any test, and says nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from fastagency_backend.workflow import AsyncUI, Workflow

wf = Workflow()


@wf.register(name="patient", description="Waits")
async def patient(ui: AsyncUI, params: dict[str, Any]) -> None:
    await asyncio.sleep(3600)
