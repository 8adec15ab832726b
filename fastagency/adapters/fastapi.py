"""`from fastagency.adapters.fastapi import FastAPIAdapter`."""

from fastagency_shared.extras import extra

with extra("fastapi", needed_by="FastAPIAdapter"):
    from fastagency_backend.web import FastAPIAdapter as _Adapter
with extra("client", needed_by="FastAPIProvider"):
    from fastagency_frontend.client import FastAPIProvider


class FastAPIAdapter(_Adapter):
    """Publishes workflows on a FastAPI application; see `fastagency_backend.web.adapter.FastAPIAdapter`."""

    create_provider = FastAPIProvider
    """`FastAPIAdapter.create_provider(fastapi_url=...)`: the client of such an application, for `FastAgency`."""


__all__ = ["FastAPIAdapter", "FastAPIProvider"]
