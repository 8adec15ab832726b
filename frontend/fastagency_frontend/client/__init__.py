"""The FastAPI provider: workflows that run in a backend, over HTTP and WebSocket."""

from fastagency_frontend.client.backoff import Patience
from fastagency_frontend.client.provider import FastAPIProvider

__all__ = ["FastAPIProvider", "Patience"]
