"""The routes in a process that drives no runs, and has no workflow's code."""

from __future__ import annotations

import asyncio

from fastagency_backend.assembly import api_for
from fastagency_backend.engine import memory
from fastagency_backend.engine.api import Api
from fastagency_backend.engine.catalogue import Catalogue
from fastagency_backend.settings import BackendSettings
from fastagency_backend.web.identity import GetUserId
from fastagency_backend.web.routes import Paths, Routes, cannot_go_on


class ApiRoutes(Routes):
    """The routes of `FastAPIAdapter`, for the workflows that workers have said that they have."""

    def __init__(self, settings: BackendSettings, *, get_user_id: GetUserId | None = None) -> None:
        self._catalogue = Catalogue()
        super().__init__(self._catalogue, get_user_id, Paths(), settings)

    async def _process(self) -> Api:
        await asyncio.to_thread(memory.spare_what_is_loaded)
        return api_for(self._catalogue, self._settings, cannot_go_on)
