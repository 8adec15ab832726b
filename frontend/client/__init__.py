"""The FastAPI provider: workflows that run in a backend, over HTTP and WebSocket."""

from frontend.client.backoff import Patience
from frontend.client.provider import FastAPIProvider

__all__ = ["FastAPIProvider", "Patience"]
