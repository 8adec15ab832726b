"""Runs over HTTP, for clients without WebSockets and for the list of a user's conversations (v2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, aclosing
from typing import Annotated, Any

from fastagency_shared.connection import HEARTBEAT_S
from fastagency_shared.errors import InvalidRequest
from fastagency_shared.run import (
    MAX_NAME_CHARS,
    MAX_SEQ,
    AnswerRequest,
    Cursor,
    Epoch,
    ForkRequest,
    MessagePage,
    RenameRequest,
    RunId,
    RunInfo,
    RunStatus,
)
from fastapi import Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from fastagency_backend.engine.nul import refuse_nul
from fastagency_backend.engine.reader import Readers
from fastagency_backend.engine.view import message_page, run_info, wire_v2
from fastagency_backend.people.holding import SIGNED_OUT, Watch
from fastagency_backend.store.base import StoredEvent
from fastagency_backend.web.identity import id_of
from fastagency_backend.web.problem import RESPONSES, refuse_unknown_queries
from fastagency_backend.web.publication import Publication
from fastagency_backend.web.quota import CountedResponse

RETRY_MS = 1000
"""How long an event source waits before it connects again."""

RunPath = Annotated[RunId, Path(description="The run's workflow_uuid.")]
After = Annotated[Cursor, Query(description="Cursor: only messages with a greater `seq`.")]
OfEpoch = Annotated[Epoch | None, Query(description="The `epoch` of the cursor; 0 if it came without one.")]


def add_routes(publication: Publication, path: str) -> None:
    router, person, caller = publication.router, publication.identity.caller(), publication.identity.owner()
    one = path + "/{run_id}"

    @router.get(
        path,
        responses=RESPONSES,
        dependencies=[Depends(refuse_unknown_queries)],
        response_model_exclude={"__all__": {"params"}},
    )
    async def list_runs(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        before: Annotated[RunId | None, Query(description="The last run of the previous page.")] = None,
        status: Annotated[list[RunStatus] | None, Query(description="Only these; can be given several times.")] = None,
        workflow: Annotated[str | None, Query(max_length=MAX_NAME_CHARS, description="Only this workflow's.")] = None,
        user_id: Any = Depends(caller),
    ) -> list[RunInfo]:
        """Your runs, newest first, without params; only the beginning of a long result, and no very long question.

        Whoever is nobody has none here: theirs are found by their ids only.
        """
        refuse_nul("The workflow's name", workflow)
        if user_id is None:
            return []
        service = await publication.service()
        records = await service.list_runs(user_id, limit=limit, before=before, statuses=status or (), workflow=workflow)
        return [run_info(record) for record in records]

    @router.get(one, responses=RESPONSES)
    async def get_run(run_id: RunPath, user_id: Any = Depends(caller)) -> RunInfo:
        """One run, with the questions that wait for an answer."""
        service = await publication.service()
        run = await service.get(run_id, user_id)
        return run_info(run, service.reason(run))

    @router.get(one + "/messages", responses=RESPONSES)
    async def get_messages(
        run_id: RunPath,
        after: After = 0,
        limit: Annotated[int, Query(ge=1, le=500)] = 200,
        before: Annotated[
            Cursor | None, Query(ge=1, description="Page backwards: the newest below this `seq`.")
        ] = None,
        epoch: OfEpoch = None,
        user_id: Any = Depends(caller),
    ) -> MessagePage:
        """A page of the run's log."""
        service = await publication.service()
        page = await service.read(run_id, user_id, after=after, limit=limit, before=before, epoch=epoch)
        return message_page(page, service.reason)

    @router.get(
        one + "/events",
        responses=RESPONSES
        | {200: {"content": {"text/event-stream": {}}}, 204: {"description": "The run has ended; nothing follows."}},
        response_class=StreamingResponse,
    )
    async def get_events(
        request: Request,
        run_id: RunPath,
        after: After = 0,
        epoch: OfEpoch = None,
        last_event_id: Annotated[str | None, Header(description="The cursor of a client that comes back.")] = None,
        user_id: Any = Depends(caller),
    ) -> Response:
        """The run's messages as server-sent events: `id` is the cursor, `event` the type, `data` the message."""
        service = await publication.service()
        epoch, cursor = max((epoch or 0, after), _last_seen(last_event_id))
        run = await service.get_to_follow(run_id, user_id, after=cursor, epoch=epoch)
        if run.status.ended and run.last_seq <= cursor:
            return Response(status_code=204)
        return CountedResponse(
            _events(service.readers, run_id, cursor, run.epoch, publication.identity.watching(request)),
            closed=publication.quota.open_stream(publication.party(request, user_id)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @router.post(one + "/answers", status_code=204, responses=RESPONSES)
    async def post_answer(
        request: Request, run_id: RunPath, answer: AnswerRequest, user_id: Any = Depends(caller)
    ) -> None:
        """Answer a question. The first valid answer wins."""
        publication.count_stored(request, user_id, answer.value)
        await (await publication.service()).answer(run_id, user_id, answer.question, answer.value)

    @router.post(one + "/cancel", responses=RESPONSES)
    async def cancel_run(run_id: RunPath, user_id: Any = Depends(caller)) -> RunInfo:
        """Stop a run. One that has ended stays as it is."""
        return run_info(await (await publication.service()).cancel(run_id, user_id))

    @router.post(one + "/retry", responses=RESPONSES)
    async def retry_run(request: Request, run_id: RunPath, user: Any = Depends(person)) -> RunInfo:
        """Let a failed run go on from where it failed. One that goes on already stays as it is."""
        await publication.count_start(request, id_of(user))
        return run_info(await (await publication.service()).retry(run_id, id_of(user), user=user))

    @router.post(one + "/fork", status_code=201, responses=RESPONSES)
    async def fork_run(
        connection: Request, run_id: RunPath, request: ForkRequest, user: Any = Depends(person)
    ) -> RunInfo:
        """A new run that begins as this one did, up to a question, which is open again. No call is made again."""
        await publication.count_start(connection, id_of(user))
        return run_info(await (await publication.service()).fork(run_id, id_of(user), request.before, user=user))

    @router.patch(one, responses=RESPONSES)
    async def rename_run(run_id: RunPath, request: RenameRequest, user_id: Any = Depends(caller)) -> RunInfo:
        """Give a run another title."""
        return run_info(await (await publication.service()).rename(run_id, user_id, request.title))

    @router.delete(one, status_code=204, responses=RESPONSES)
    async def delete_run(run_id: RunPath, user_id: Any = Depends(caller)) -> None:
        """Stop a run and remove all that is known of it."""
        await (await publication.service()).delete(run_id, user_id)


def _last_seen(event_id: str | None) -> tuple[int, int]:
    """The epoch and the `seq` in the id of an event, which is `SEQ`, or `SEQ-EPOCH`."""
    if event_id is None or event_id == "":
        return 0, 0
    seq, _, epoch = event_id.partition("-")
    if not _is_number(seq) or ("-" in event_id and not _is_number(epoch)):
        raise InvalidRequest(f"Last-Event-ID must be the id of an event, not {event_id[:40]!r}.")
    return int(epoch or 0), int(seq)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= len(str(MAX_SEQ)) and int(text) <= MAX_SEQ


async def _events(
    readers: Readers, run_id: str, after: int, epoch: int, watching: AbstractContextManager[Watch]
) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    batches = readers.watch(run_id, after=after, beat_s=HEARTBEAT_S, epoch=epoch)
    with watching as watch:
        async with aclosing(batches):
            async for batch in batches:
                if watch.ended:
                    yield f": {SIGNED_OUT}\n\n"
                    return
                frames = [_frame(item, epoch) for item in batch]
                yield "".join(frames) or ": still here\n\n"


def _frame(item: Any, epoch: int) -> str:
    if isinstance(item, StoredEvent):
        kind = item.body[9 : item.body.index('"', 9)]
        cursor = f"{item.seq}-{epoch}" if epoch else item.seq
        return f"id: {cursor}\nevent: {kind}\ndata: {wire_v2(item, epoch)}\n\n"
    return f"event: {item.type}\ndata: {item.model_dump_json()}\n\n"
