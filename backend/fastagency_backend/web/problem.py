"""Refusals on HTTP: one body for all of them, and nothing internal in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastagency_shared.errors import (
    InvalidRequest,
    NotSignedIn,
    RequestError,
    SignInUnavailable,
    StoreUnavailable,
    TooManyRequests,
)
from fastagency_shared.fault import describe_request
from fastagency_shared.run import Problem
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from fastagency_backend.engine.service import UNAVAILABLE
from fastagency_backend.store.base import StoreError

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5

RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "Nobody is signed in, or not any more."},
    400: {"model": Problem, "description": "The request was sent to a name that this backend is not known by."},
    403: {"model": Problem, "description": "It comes from another site's page, or from elsewhere and nobody signs in."},
    404: {"model": Problem, "description": "There is no such thing, or it is not yours."},
    409: {"model": Problem, "description": "The request contradicts what is recorded."},
    413: {"model": Problem, "description": "It has more bytes than are kept."},
    422: {"model": Problem, "description": "The request is malformed, too long, or not among the choices."},
    429: {"model": Problem, "description": "You ask for more than your share: wait for as long as `Retry-After` says."},
    503: {"model": Problem, "description": "Nothing can be read or kept at the moment: try again later."},
}


class ProblemRoute(APIRoute):
    """A route whose refusals become a `Problem`, in whatever application includes the router."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except RequestError as error:
                return problem(error)
            except StoreError:
                logger.exception("Who asks, or what for, could not be looked up or kept")
                return problem(StoreUnavailable(UNAVAILABLE))
            except RequestValidationError as error:
                return problem(InvalidRequest(_not_json(request, error) or describe_request(error.errors())))
            except HTTPException as error:
                if isinstance(error.__cause__, UnicodeError | RecursionError):  # FastAPI could not read the body
                    return problem(InvalidRequest("The body of the request is not JSON, or is nested too deeply."))
                raise

        return handle


def problem(error: RequestError) -> JSONResponse:
    body = Problem(code=type(error).__name__, detail=error.detail)
    return JSONResponse(body.model_dump(), status_code=error.status, headers=_headers(error))


def _headers(error: RequestError) -> dict[str, str] | None:
    match error:
        case StoreUnavailable() | SignInUnavailable():
            return {"Retry-After": str(RETRY_AFTER_S)}
        case NotSignedIn():
            return {"WWW-Authenticate": "Bearer"}
        case TooManyRequests():
            return {"Retry-After": str(error.retry_after_s)}
    return None


async def refuse_unknown_queries(request: Request) -> None:
    """A dependency for a list: a filter that is misspelt must not be taken for no filter.

    Known is what the route and its dependencies declare.
    """
    known = _queries(request.scope["route"].dependant)
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise InvalidRequest(f"There is no query parameter {unknown[0]!r} here. There are: {', '.join(known)}.")


def _queries(dependant: Dependant) -> list[str]:
    own = [field.alias for field in dependant.query_params]
    return own + [name for inner in dependant.dependencies for name in _queries(inner)]


def _not_json(request: Request, error: RequestValidationError) -> str | None:
    """A sentence for what curl sends when it is not told otherwise; None if the request says that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.endswith(("/json", "+json")) or not any(each["loc"] == ("body",) for each in error.errors()):
        return None
    sent = f"the content type {kind[:100]!r}" if kind else "no content type"
    return (
        f"The request came with {sent}. Send JSON with the header 'Content-Type: application/json' "
        "(curl: -H 'Content-Type: application/json')."
    )
