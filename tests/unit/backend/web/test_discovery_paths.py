"""The discovery is found where clients look for it, behind a path prefix too."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastagency_backend.web import FastAPIAdapter
from fastagency_backend.workflow import UI, Workflow
from fastapi import FastAPI

wf = Workflow()


@wf.register(name="chat", description="Talk.")
def chat(ui: UI, params: dict[str, Any]) -> str:
    return "done"


def included() -> FastAPI:
    app = FastAPI()
    app.include_router(FastAPIAdapter(provider=wf).router, prefix="/prefix")
    return app


def mounted() -> FastAPI:
    inner, app = FastAPI(), FastAPI()
    inner.include_router(FastAPIAdapter(provider=wf).router)
    app.mount("/prefix", inner)
    return app


@pytest.mark.parametrize("make", [included, mounted])
@pytest.mark.parametrize("path", ["/prefix/fastagency/discovery", "/prefix//fastagency/discovery"])
async def test_a_slash_too_many_is_forgiven(make: Any, path: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(make()), base_url="http://testserver") as client:
        reply = await client.get(path)
    assert reply.json() == [{"name": "chat", "description": "Talk."}]


def test_the_openapi_document_lists_the_route_once() -> None:
    paths = [path for path in included().openapi()["paths"] if "discovery" in path]
    assert paths == ["/prefix/fastagency/discovery"]
