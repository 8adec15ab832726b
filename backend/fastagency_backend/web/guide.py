"""The two HTTP routes of the guide, discovery and the start of a workflow, and the description of its WebSocket."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastagency_shared.asyncapi import asyncapi_document
from fastagency_shared.run import InitiateBody, InitiateReply, WorkflowInfo
from fastapi import Depends, Request

from fastagency_backend.web.problem import RESPONSES
from fastagency_backend.web.publication import Publication


def add_routes(publication: Publication, discovery_path: str, initiate_workflow_path: str, ws_path: str) -> None:
    identity = publication.identity
    asyncapi_path = discovery_path.rsplit("/", 1)[0] + "/asyncapi.json"

    # FastAgency 0.10's client puts a slash too many before the path, which matters behind a path prefix.
    @publication.router.get(f"/{discovery_path}", include_in_schema=False)
    @publication.router.get(discovery_path)
    async def discovery(user_id: Any = Depends(identity.dependency)) -> list[WorkflowInfo]:
        """The workflows that can be started."""
        return [WorkflowInfo(name=spec.name, description=spec.description) for spec in publication.specs.values()]

    @publication.router.post(initiate_workflow_path, responses=RESPONSES)
    async def initiate_workflow(request: InitiateBody, user_id: Any = Depends(identity.dependency)) -> InitiateReply:
        """Start a workflow. Send the reply back as the first frame of the WebSocket to follow it.

        With a `workflow_uuid` of your own, a UUID, the request can be repeated safely. Go on with the reply's, always.
        """
        owner = identity.resolve(user_id, request.user_id)
        record = await (await publication.service()).create(request, owner)
        return InitiateReply(
            name=record.workflow, workflow_uuid=record.id, user_id=record.user_id, params=request.params
        )

    @publication.router.get(asyncapi_path, include_in_schema=False)
    async def asyncapi(request: Request) -> dict[str, Any]:
        """The WebSocket's AsyncAPI document: public, as `/openapi.json` is."""
        prefix = request.url.path.removesuffix(asyncapi_path)  # of a router or an application that is mounted
        return asyncapi_document(address=prefix + ws_path, version=version("fastagency"))
