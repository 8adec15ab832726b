"""Routes behind the gate: what is asked of every request before its own route is, and what is noted after it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastagency_shared.errors import RequestError
from fastapi import Request, Response
from starlette.exceptions import HTTPException

from fastagency_backend.web.body import bounded
from fastagency_backend.web.gate import READING, Gate
from fastagency_backend.web.problem import ProblemRoute, problem
from fastagency_backend.web.quota import Quota, party_of

NOT_SIGNED_IN = 401


def guarded(gate: Gate, quota: Quota, max_body_bytes: int) -> type[ProblemRoute]:
    """The class of the routes of a router."""

    class GuardedRoute(ProblemRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            inner = super().get_route_handler()

            async def handle(request: Request) -> Response:
                try:
                    gate.check(request, changes=request.method not in READING)
                    quota.check_sign_ins(party_of(request, None))
                    response = await inner(await bounded(request, max_body_bytes))
                except RequestError as error:
                    return problem(error)
                except HTTPException as error:
                    _note(error.status_code, request)
                    raise
                _note(response.status_code, request)
                return response

            return handle

    def _note(status: int, request: Request) -> None:
        if status == NOT_SIGNED_IN:
            quota.note_refused(party_of(request, None))

    return GuardedRoute
