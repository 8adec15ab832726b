"""The WebSocket: one connection follows one run, and answers its questions.

The rules are in `fastagency_shared/connection.py`. Two tasks serve a connection, one for each direction, the first of
which is the server's own; the run knows of neither.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial

from fastagency_shared.connection import (
    FIRST_FRAME_TIMEOUT_S,
    HEARTBEAT_S,
    MAX_FRAME_CHARS,
    SUBPROTOCOL_V2,
    CloseCode,
    FirstFrame,
    read_first_frame,
)
from fastagency_shared.errors import InvalidRequest, RequestError, StaleCursor, TooManyRequests, UnknownRun
from fastagency_shared.messages import Error
from fastagency_shared.user import User
from fastapi import WebSocket, WebSocketDisconnect
from fastapi.responses import Response

from fastagency_backend.engine.feed import Item, Subscription
from fastagency_backend.engine.reader import PAGE, PAGE_BYTES
from fastagency_backend.engine.service import RunService
from fastagency_backend.people.holding import SIGNED_OUT, Watch
from fastagency_backend.web.guarded import NOT_SIGNED_IN
from fastagency_backend.web.identity import Denied, Identity, id_of
from fastagency_backend.web.problem import problem
from fastagency_backend.web.quota import Quota, party_of
from fastagency_backend.web.session import Session, SessionV1, SessionV2
from fastagency_backend.web.texts import send_texts

logger = logging.getLogger(__name__)

LAST_REPLY_S = 5.0
"""The longest time that a connection which is over waits for a frame of the client to be carried out."""


class Close(Exception):
    """Ends the connection: an `error` message with the sentence, then the close code."""

    def __init__(self, code: CloseCode, sentence: str = "") -> None:
        super().__init__(sentence)
        self.code = code


async def serve_socket(websocket: WebSocket, service: RunService, identity: Identity, quota: Quota) -> None:
    """Serve one connection from its handshake to its close."""
    try:
        user = await identity.ask(websocket)
    except Exception:
        logger.exception("It could not be found out who asks for a connection")
        user = Denied(500, b"Internal Server Error")
    if isinstance(user, Denied):
        if user.status == NOT_SIGNED_IN:
            quota.note_refused(party_of(websocket, None))
        denial = Response(user.body, status_code=user.status)
        denial.raw_headers = user.headers
        await websocket.send_denial_response(denial)
        return
    party = party_of(websocket, id_of(identity.resolve(user, None)))
    try:
        close = quota.open_stream(party)
    except TooManyRequests as error:
        await websocket.send_denial_response(problem(error))
        return
    try:
        await _accept(websocket, service, identity, user, partial(quota.store, party))
    finally:
        close()


async def _accept(
    websocket: WebSocket, service: RunService, identity: Identity, user: User | None, count: Callable[[int], None]
) -> None:
    offered = websocket.scope.get("subprotocols", [])
    v2 = SUBPROTOCOL_V2 in offered
    await websocket.accept(subprotocol=SUBPROTOCOL_V2 if v2 else None)
    try:
        await _serve(websocket, service, identity, user, count, v2=v2)
    except Close as close:
        await _close(websocket, close)
    except WebSocketDisconnect:
        logger.debug("A client left")
    except Exception:
        logger.exception("A connection failed")
        await _close(websocket, Close(CloseCode.INTERNAL))


async def _serve(
    websocket: WebSocket,
    service: RunService,
    identity: Identity,
    user: User | None,
    count: Callable[[int], None],
    *,
    v2: bool,
) -> None:
    first = await _first_frame(websocket)
    owner = id_of(identity.resolve(user, first.user_id))
    with identity.watching(websocket) as watch, service.readers.subscribe(first.workflow_uuid) as subscription:
        session, batches = await _begin(service, first, owner, subscription, v2=v2)
        await _Conversation(websocket, session, subscription, watch, count).hold(batches)
    raise Close(CloseCode.RESTART if subscription.sent_home else CloseCode.NORMAL)


async def _begin(
    service: RunService, first: FirstFrame, owner: str | None, subscription: Subscription, *, v2: bool
) -> tuple[Session, AsyncGenerator[Sequence[Item], None]]:
    """What goes each way. The first page is let go of as soon as it is sent."""
    run_id = first.workflow_uuid
    try:
        page = await service.read(run_id, owner, after=first.after, limit=PAGE, epoch=first.epoch, max_bytes=PAGE_BYTES)
    except UnknownRun as error:
        raise Close(CloseCode.NOT_FOUND, f"{error} Start one with initiate_workflow first.") from None
    except StaleCursor as error:
        raise Close(CloseCode.STALE_CURSOR, error.detail) from None
    assert page.run is not None
    session = SessionV2(service, page.run, owner) if v2 else SessionV1(service, page.run, owner)
    subscription.terse = not v2
    batches = service.readers.follow(
        run_id, subscription, page, after=first.after, beat_s=HEARTBEAT_S, epoch=page.run.epoch
    )
    return session, batches


class _Conversation:
    """Both directions of a connection. The server's own task sends, and one more listens."""

    def __init__(
        self,
        websocket: WebSocket,
        session: Session,
        subscription: Subscription,
        watch: Watch,
        count: Callable[[int], None],
    ) -> None:
        self._websocket, self._session, self._subscription = websocket, session, subscription
        self._watch, self._count = watch, count
        self._obeying = self._over = False

    async def hold(self, batches: AsyncGenerator[Sequence[Item], None]) -> None:
        """Return when there is no more to send. Raises what ends the connection before that."""
        listening = asyncio.create_task(self._listen(), name=f"ws-receive-{self._session.run_id}")
        listening.add_done_callback(self._leave)
        try:
            async with aclosing(batches):
                async for batch in batches:  # an empty one every now and then
                    self._check()
                    await send_texts(self._websocket, self._session.outgoing(batch))
            self._over = True
            if self._obeying:  # the answer that the run has ended with is acknowledged before the connection closes
                await asyncio.wait({listening}, timeout=LAST_REPLY_S)
        finally:
            listening.cancel()
            await asyncio.wait({listening})
        if not listening.cancelled():
            listening.result()

    def _check(self) -> None:
        if self._watch.ended:
            raise Close(CloseCode.UNAUTHENTICATED, SIGNED_OUT)

    def _leave(self, listening: asyncio.Task[None]) -> None:
        if not listening.cancelled():
            listening.exception()  # seen, even where sending has failed as well
        self._subscription.close()

    async def _listen(self) -> None:
        while not self._over:
            text = await _receive_text(self._websocket)
            self._check()
            self._obeying = True
            try:
                self._count(len(text))
                replies = await self._session.incoming(text)
            except RequestError as error:
                replies = [self._session.refusal(error.detail)]
            for reply in replies:
                await self._websocket.send_text(reply)
            self._obeying = False


async def _first_frame(websocket: WebSocket) -> FirstFrame:
    try:
        async with asyncio.timeout(FIRST_FRAME_TIMEOUT_S):
            text = await _receive_text(websocket)
    except TimeoutError:
        raise Close(
            CloseCode.TIMEOUT, f"The first frame did not come within {FIRST_FRAME_TIMEOUT_S:.0f} seconds."
        ) from None
    try:
        return read_first_frame(text)
    except InvalidRequest as error:
        raise Close(CloseCode.MALFORMED, error.detail) from None


async def _receive_text(websocket: WebSocket) -> str:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code") or CloseCode.NORMAL)
    text: str | None = message.get("text")
    if text is None:
        raise Close(CloseCode.UNSUPPORTED, "Binary frames are not understood: send text frames.")
    if len(text) > MAX_FRAME_CHARS:
        raise Close(CloseCode.TOO_BIG, f"The frame has {len(text)} characters; the most is {MAX_FRAME_CHARS}.")
    return text


async def _close(websocket: WebSocket, close: Close) -> None:
    try:
        if str(close):
            await websocket.send_text(Error(sender="Workflow", recipient="User", short=str(close)).model_dump_json())
        await websocket.close(close.code)
    except (RuntimeError, WebSocketDisconnect):  # the client was quicker
        logger.debug("The client had left before the connection was closed")
