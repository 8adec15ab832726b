"""A provider that runs workflows in this very process, on an event loop in a thread of its own.

It starts at its first use, so that a server may fork after the application was imported.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from fastagency_shared.answer import Answer
from fastagency_shared.errors import InvalidRequest, StaleCursor
from fastagency_shared.fault import describe
from fastagency_shared.messages import LoggedMessage, TransientMessage, new_uuid
from fastagency_shared.provider import ANYBODY, Caller
from fastagency_shared.run import InitiateRequest, MessagePage, RenameRequest, RunInfo, WorkflowInfo
from fastagency_shared.user import User
from pydantic import ValidationError

from fastagency_backend import frameworks
from fastagency_backend.assembly import engine_for
from fastagency_backend.engine.engine import Engine
from fastagency_backend.engine.feed import Item
from fastagency_backend.engine.service import RunService
from fastagency_backend.engine.spec import WorkflowSpec, offered_to, spec_of
from fastagency_backend.engine.view import logged, message_page, run_info
from fastagency_backend.settings import BackendSettings, load_settings
from fastagency_backend.store.base import StoredEvent

T = TypeVar("T")

FOLLOW_QUEUE = 100
"""Batches that a follower may be behind before its loop side waits."""


class LocalProvider:
    """See `fastagency_shared.provider.Provider`. Here a caller is who they claim to be."""

    def __init__(self, specs: Mapping[str, WorkflowSpec], settings: BackendSettings | None = None) -> None:
        self._specs = specs
        self._settings = settings
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None

    # --- fastagency_shared.provider.Provider -----------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        return list(self._specs)

    def get_description(self, name: str) -> str:
        return spec_of(name, self._specs).description

    def workflows(self, caller: Caller = ANYBODY) -> list[WorkflowInfo]:
        offered = offered_to(_user(caller), self._specs).values()
        return [WorkflowInfo(name=spec.name, description=spec.description) for spec in offered]

    def start(
        self, name: str, params: Mapping[str, Any], *, run_id: str | None = None, caller: Caller = ANYBODY
    ) -> RunInfo:
        try:
            request = InitiateRequest(workflow_name=name, workflow_uuid=run_id or new_uuid(), params=dict(params))
        except ValidationError as error:
            raise InvalidRequest(f"{describe(error)}.") from None
        return run_info(self._call(self._service().create(request, caller.user_id, user=_user(caller))))

    def runs(self, *, limit: int = 50, before: str | None = None, caller: Caller = ANYBODY) -> list[RunInfo]:
        records = self._call(self._service().list_runs(caller.user_id, limit=limit, before=before))
        return [run_info(record) for record in records]

    def run(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        service = self._service()
        run = self._call(service.get(run_id, caller.user_id))
        return run_info(run, service.reason(run))

    def messages(
        self,
        run_id: str,
        *,
        after: int = 0,
        limit: int = 200,
        before: int | None = None,
        epoch: int | None = None,
        caller: Caller = ANYBODY,
    ) -> MessagePage:
        service = self._service()
        page = self._call(service.read(run_id, caller.user_id, after=after, limit=limit, before=before, epoch=epoch))
        return message_page(page, service.reason)

    def follow(
        self, run_id: str, *, after: int = 0, beat_s: float = 5.0, epoch: int = 0, caller: Caller = ANYBODY
    ) -> Iterator[LoggedMessage | TransientMessage | None]:
        service = self._service()
        epoch = self._call(service.get_to_follow(run_id, caller.user_id, after=after, epoch=epoch)).epoch
        batches: queue.SimpleQueue[Sequence[Item] | None] = queue.SimpleQueue()
        room, loop = asyncio.Event(), self._running_loop()
        pump = asyncio.run_coroutine_threadsafe(
            _pump(service.readers.watch(run_id, after=after, beat_s=beat_s, epoch=epoch), batches, room), loop
        )
        try:
            while (batch := batches.get()) is not None:
                with suppress(RuntimeError):  # the provider was closed: what is in the queue is the rest
                    loop.call_soon_threadsafe(room.set)
                yield from (logged(item, epoch) if isinstance(item, StoredEvent) else item for item in batch)
                if not batch:
                    yield None
            if service.readers.epoch != epoch:
                raise StaleCursor
        finally:
            pump.cancel()

    def answer(self, run_id: str, question: str, value: Answer, *, caller: Caller = ANYBODY) -> None:
        self._call(self._service().answer(run_id, caller.user_id, question, value))

    def cancel(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        return run_info(self._call(self._service().cancel(run_id, caller.user_id)))

    def retry(self, run_id: str, *, caller: Caller = ANYBODY) -> RunInfo:
        return run_info(self._call(self._service().retry(run_id, caller.user_id, user=_user(caller))))

    def fork(self, run_id: str, before: str, *, caller: Caller = ANYBODY) -> RunInfo:
        return run_info(self._call(self._service().fork(run_id, caller.user_id, before, user=_user(caller))))

    def rename(self, run_id: str, title: str, *, caller: Caller = ANYBODY) -> RunInfo:
        try:
            request = RenameRequest(title=title)
        except ValidationError as error:
            raise InvalidRequest(f"{describe(error)}.") from None
        return run_info(self._call(self._service().rename(run_id, caller.user_id, request.title)))

    def delete(self, run_id: str, *, caller: Caller = ANYBODY) -> None:
        self._call(self._service().delete(run_id, caller.user_id))

    # --- the thread -----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Hand over what runs, and stop the thread. The next use starts anew."""
        with self._lock:
            if self._engine is None or self._loop is None or self._pid != os.getpid():
                return
            asyncio.run_coroutine_threadsafe(self._engine.stop(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._engine = self._loop = self._pid = None

    def _service(self) -> RunService:
        """The service of this process's engine, which the first call, and the first after a fork, starts."""
        with self._lock:
            if self._engine is None or self._pid != os.getpid():
                self._start()
            assert self._engine is not None
            return self._engine.service

    def _start(self) -> None:
        loop = asyncio.new_event_loop()
        threading.Thread(target=_serve, args=(loop,), name="fastagency-local", daemon=True).start()
        self._loop, self._pid = loop, os.getpid()
        self._engine = asyncio.run_coroutine_threadsafe(self._started(), loop).result()
        atexit.register(self.close)

    async def _started(self) -> Engine:
        await asyncio.to_thread(frameworks.prepare)
        engine = engine_for(self._specs, self._settings or load_settings())
        await engine.start()
        return engine

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._running_loop()).result()


def _user(caller: Caller) -> User | None:
    return caller.user or (User(caller.user_id) if caller.user_id else None)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _pump(
    watch: AsyncGenerator[Sequence[Item], None],
    batches: queue.SimpleQueue[Sequence[Item] | None],
    room: asyncio.Event,
) -> None:
    """Carry batches to the follower's thread; a follower that is slow makes this wait, never the run."""
    try:
        async with aclosing(watch) as source:
            async for batch in source:
                while batches.qsize() >= FOLLOW_QUEUE:
                    room.clear()
                    await room.wait()
                batches.put(batch)
    finally:
        batches.put(None)
