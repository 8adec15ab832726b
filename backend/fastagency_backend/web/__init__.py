"""The FastAPI adapter: the routes of the guide and their v2 companions, on top of the engine."""

from fastagency_backend.web.adapter import FastAPIAdapter

__all__ = ["FastAPIAdapter"]
