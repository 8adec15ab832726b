"""The WebSocket: one connection follows one run, and answers its questions.

The rules are in `fastagency_shared/connection.py`. Two tasks serve a connection, one for each direction; the run
knows of neither.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from fastagency_shared.connection import (
    FIRST_FRAME_TIMEOUT_S,
    HEARTBEAT_S,
    MAX_FRAME_CHARS,
    SUBPROTOCOL_V2,
    CloseCode,
    FirstFrame,
    read_first_frame,
)
from fastagency_shared.errors import InvalidRequest, RequestError, UnknownRun
from fastagency_shared.messages import Error
from fastapi import WebSocket, WebSocketDisconnect
from fastapi.responses import Response

from fastagency_backend.engine.service import RunService
from fastagency_backend.web.identity import Denied, Identity
from fastagency_backend.web.session import Session, SessionV1, SessionV2

logger = logging.getLogger(__name__)


class Close(Exception):
    """Ends the connection: an `error` message with the sentence, then the close code."""

    def __init__(self, code: CloseCode, sentence: str = "") -> None:
        super().__init__(sentence)
        self.code = code


async def serve_socket(websocket: WebSocket, service: RunService, identity: Identity) -> None:
    """Serve one connection from its handshake to its close."""
    user_id = await identity.ask(websocket)
    if isinstance(user_id, Denied):
        denial = Response(user_id.body, status_code=user_id.status)
        denial.raw_headers = user_id.headers
        await websocket.send_denial_response(denial)
        return
    offered = websocket.scope.get("subprotocols", [])
    v2 = SUBPROTOCOL_V2 in offered
    await websocket.accept(subprotocol=SUBPROTOCOL_V2 if v2 else None)
    try:
        await _serve(websocket, service, identity, user_id, v2=v2)
    except Close as close:
        await _close(websocket, close)
    except WebSocketDisconnect:
        logger.debug("A client left")
    except Exception:
        logger.exception("A connection failed")
        await _close(websocket, Close(CloseCode.INTERNAL))


async def _serve(websocket: WebSocket, service: RunService, identity: Identity, user_id: object, *, v2: bool) -> None:
    first = await _first_frame(websocket)
    owner = identity.resolve(user_id, first.user_id)
    try:
        run = await service.get(first.workflow_uuid, owner)
    except UnknownRun as error:
        raise Close(CloseCode.NOT_FOUND, f"{error} Start one with initiate_workflow first.") from None
    session = SessionV2(service, run, owner) if v2 else SessionV1(service, run, owner)
    sending = asyncio.create_task(_send(websocket, service, session, first.after), name=f"ws-send-{run.id}")
    receiving = asyncio.create_task(_receive(websocket, session), name=f"ws-receive-{run.id}")
    tasks = {sending, receiving}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


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


async def _send(websocket: WebSocket, service: RunService, session: Session, after: int) -> None:
    async with aclosing(service.readers.watch(session.run_id, after=after, beat_s=HEARTBEAT_S)) as batches:
        async for batch in batches:
            for text in session.outgoing(batch):
                await websocket.send_text(text)
    raise Close(CloseCode.RESTART if service.readers.leaving.is_set() else CloseCode.NORMAL)


async def _receive(websocket: WebSocket, session: Session) -> None:
    while True:
        text = await _receive_text(websocket)
        try:
            replies = await session.incoming(text)
        except RequestError as error:
            replies = [session.refusal(error.detail)]
        for reply in replies:
            await websocket.send_text(reply)


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
