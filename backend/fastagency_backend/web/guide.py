"""The two HTTP routes of the guide, discovery and the start of a workflow, and the description of its WebSocket."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastagency_shared.asyncapi import asyncapi_document
from fastagency_shared.run import InitiateBody, InitiateReply, WorkflowInfo
from fastapi import Request, Response
from pydantic import TypeAdapter

from fastagency_backend.engine.spec import offered_to
from fastagency_backend.web.identity import id_of
from fastagency_backend.web.problem import RESPONSES
from fastagency_backend.web.publication import Publication

_infos = TypeAdapter(list[WorkflowInfo])


def add_routes(publication: Publication, discovery_path: str, initiate_workflow_path: str, ws_path: str) -> None:
    identity = publication.identity
    asyncapi_path = discovery_path.rsplit("/", 1)[0] + "/asyncapi.json"

    @publication.router.get(discovery_path, dependencies=identity.dependencies, response_model=list[WorkflowInfo])
    async def discovery(connection: Request, response: Response) -> Response:
        """The workflows that you can start."""
        offered = offered_to(identity.of(connection), publication.specs).values()
        found = [WorkflowInfo(name=spec.name, description=spec.description) for spec in offered]
        return _json(_infos.dump_json(found), response)

    @publication.router.post(
        initiate_workflow_path,
        dependencies=identity.dependencies,
        response_model=InitiateReply,
        responses=RESPONSES,
    )
    async def initiate_workflow(request: InitiateBody, connection: Request, response: Response) -> Response:
        """Start a workflow. Send the reply back as the first frame of the WebSocket to follow it.

        With a `workflow_uuid` of your own, a UUID, the request can be repeated safely. Go on with the reply's, always.
        """
        owner = identity.resolve(identity.of(connection), request.user_id)
        await publication.count_start(connection, id_of(owner), request.params)
        record = await (await publication.service()).create(request, id_of(owner), user=owner)
        reply = InitiateReply(
            name=record.workflow, workflow_uuid=record.id, user_id=record.user_id, params=request.params
        )
        return _json(reply.model_dump_json(), response)

    @publication.router.get(asyncapi_path, include_in_schema=False)
    async def asyncapi(request: Request) -> dict[str, Any]:
        """The WebSocket's AsyncAPI document: public, as `/openapi.json` is."""
        prefix = request.url.path.removesuffix(asyncapi_path)  # of a router or an application that is mounted
        return asyncapi_document(address=prefix + ws_path, version=version("fastagency"))

    # FastAgency 0.10's client puts a slash too many before the path, which matters behind a path prefix. It comes last:
    # routes are tried in their order.
    publication.router.get(f"/{discovery_path}", dependencies=identity.dependencies, include_in_schema=False)(discovery)


def _json(body: str | bytes, response: Response) -> Response:
    """A model's JSON, which FastAPI would validate once more. What dependencies have set on `response` comes along."""
    reply = Response(body, response.status_code or 200, media_type="application/json")
    reply.raw_headers.extend(response.raw_headers)
    return reply
