"""`from fastagency.adapters.fastapi import FastAPIAdapter`."""

import typing

from fastagency_shared.extras import extra

with extra("fastapi", needed_by="FastAPIAdapter"):
    from fastagency_backend.web import FastAPIAdapter as _Adapter

if typing.TYPE_CHECKING:
    from fastagency_frontend.client import FastAPIProvider


def _provider_class() -> "type[FastAPIProvider]":
    with extra("client", needed_by="FastAPIProvider"):
        from fastagency_frontend.client import FastAPIProvider
    return FastAPIProvider


class _WhenUsed:
    """The client, imported when somebody asks for it: a process that only serves workflows has no use for it."""

    def __get__(self, _instance: object, _owner: type) -> "type[FastAPIProvider]":
        return _provider_class()


class FastAPIAdapter(_Adapter):
    """Publishes workflows on a FastAPI application; see `fastagency_backend.web.adapter.FastAPIAdapter`."""

    create_provider = _WhenUsed()
    """`FastAPIAdapter.create_provider(fastapi_url=...)`: the client of such an application, for `FastAgency`."""


def __getattr__(name: str) -> object:
    if name == "FastAPIProvider":
        return _provider_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = ["FastAPIAdapter", "FastAPIProvider"]
