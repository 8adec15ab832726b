"""The routes of auditors, who read everybody's runs, and of admins, who also stop and delete them.

Each access is in the audit log before it is answered: what cannot be written down there does not happen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastagency_shared.errors import NotAllowed, NotSignedIn, UnknownRun
from fastagency_shared.run import MAX_NAME_CHARS, MAX_SEQ, MAX_USER_ID_CHARS, MessagePage, RunId, RunInfo, RunStatus
from fastagency_shared.user import User
from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from fastagency_backend.engine.view import message_page, run_info
from fastagency_backend.store.audit import AuditRecord, Entry
from fastagency_backend.store.base import EVERYBODY, RunRecord
from fastagency_backend.store.people import People
from fastagency_backend.web.problem import RESPONSES, refuse_unknown_queries
from fastagency_backend.web.publication import Publication
from fastagency_backend.web.runs import After, OfEpoch, RunPath

AUDITOR, ADMIN = "auditor", "admin"


class AuditEntry(BaseModel):
    """An entry of the audit log. `by` and `whose` are users' ids, or the pseudonyms of people who were erased."""

    seq: int
    at: datetime
    action: str
    by: str
    whose: str | None = None
    run: str | None = None
    detail: dict[str, str | int] = Field(default_factory=dict)
    hash: str


def add_routes(publication: Publication, path: str, people: Callable[[], Awaitable[People]]) -> None:
    identity, router = publication.identity, publication.router
    one = path + "/runs/{run_id}"

    def holding(*roles: str) -> Any:
        async def holder(request: Request) -> User:
            user = identity.of(request)
            if user is None:
                raise NotSignedIn(f"Sign in as somebody with the role {' or '.join(roles)}.")
            if user.roles.isdisjoint(roles):
                raise NotAllowed(f"This is for people with the role {' or '.join(roles)}.")
            return user

        return Depends(holder)

    reads, acts = holding(AUDITOR, ADMIN), holding(ADMIN)
    options: dict[str, Any] = {"dependencies": identity.dependencies, "responses": RESPONSES}

    async def noted(user: User, action: str, **about: Any) -> None:
        await (await people()).record(Entry(action, time.time(), by=user.id, **about))

    async def found(user: User, action: str, run_id: str) -> RunRecord:
        """The run, once it is written down that somebody wants it."""
        record = await (await publication.service()).find(run_id)
        await noted(user, action, whose=None if record is None else record.user_id, run=run_id)
        if record is None:
            raise UnknownRun(f"There is no conversation {run_id}.")
        return record

    @router.get(
        path + "/runs",
        responses=RESPONSES,
        dependencies=[*identity.dependencies, Depends(refuse_unknown_queries)],
    )
    async def list_all_runs(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[RunId | None, Query(description="The last run of the previous page.")] = None,
        status: Annotated[list[RunStatus] | None, Query(description="Only these; can be given several times.")] = None,
        workflow: Annotated[str | None, Query(max_length=MAX_NAME_CHARS, description="Only this workflow's.")] = None,
        owner: Annotated[str | None, Query(max_length=MAX_USER_ID_CHARS, description="Only this user's.")] = None,
        user: User = reads,
    ) -> list[RunInfo]:
        """Everybody's runs, newest first: for auditors and admins."""
        service = await publication.service()
        records = await service.list_runs(
            EVERYBODY if owner is None else owner, limit=limit, before=before, statuses=status or (), workflow=workflow
        )
        await noted(user, "list runs", whose=owner, detail={"runs": len(records)})
        return [run_info(record) for record in records]

    @router.get(one, **options)
    async def get_any_run(run_id: RunPath, user: User = reads) -> RunInfo:
        """Anybody's run: for auditors and admins."""
        record = await found(user, "read a run", run_id)
        return run_info(record, (await publication.service()).reason(record))

    @router.get(one + "/messages", **options)
    async def get_any_messages(
        run_id: RunPath,
        after: After = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 200,
        epoch: OfEpoch = None,
        user: User = reads,
    ) -> MessagePage:
        """A page of the log of anybody's run: for auditors and admins."""
        record = await found(user, "read messages", run_id)
        service = await publication.service()
        page = await service.read(run_id, record.user_id, after=after, limit=limit, epoch=epoch)
        return message_page(page, service.reason)

    @router.post(one + "/cancel", **options)
    async def cancel_any_run(run_id: RunPath, user: User = acts) -> RunInfo:
        """Stop anybody's run: for admins. One that has ended stays as it is."""
        record = await found(user, "stop a run", run_id)
        return run_info(await (await publication.service()).cancel(run_id, record.user_id))

    @router.delete(one, status_code=204, **options)
    async def delete_any_run(run_id: RunPath, user: User = acts) -> None:
        """Stop anybody's run and remove all that is known of it: for admins."""
        record = await found(user, "delete a run", run_id)
        await (await publication.service()).delete(run_id, record.user_id)

    @router.get(path + "/audit", **options)
    async def get_audit(
        after: Annotated[int, Query(ge=0, le=MAX_SEQ, description="Only entries with a greater `seq`.")] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        user: User = reads,
    ) -> list[AuditEntry]:
        """Who has looked at what, oldest first: for auditors and admins."""
        await noted(user, "read the audit log")
        kept = await people()
        names = await kept.pseudonyms()
        return [_entry(record, names) for record in await kept.audit(after=after, limit=limit)]


def _entry(record: AuditRecord, names: dict[str, str]) -> AuditEntry:
    said = json.loads(record.body)
    known = {name: said.pop(name, None) for name in ("seq", "at", "action", "by", "whose", "run")}
    for name in ("by", "whose"):
        known[name] = names.get(known[name], known[name])
    return AuditEntry(**known, detail=said, hash=record.hash)
