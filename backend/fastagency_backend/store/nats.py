"""Signals over NATS core: for many hosts, where the database would have to carry too many.

One subject tells of changes, one of who wants to watch, and each run has one for what is shown of it, which only those
processes hear that watch it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from fastagency_backend.store.base import StoreError
from fastagency_backend.store.coalesced import Coalesced
from fastagency_backend.store.signals import Hears

logger = logging.getLogger(__name__)

MAX_BYTES = 60_000
"""Far below a server's usual limit of 1 MiB, so that no message holds the others up for long."""
IDS_AT_A_TIME = 1000
"""32 characters each."""
MAX_OUTBOX = 10_000
"""Signals that wait to be sent; while the server is away, the newest."""
RETRY_S = 1.0
REACH_S = 5
PORT = 4222
SETTING = "FASTAGENCY_SIGNALS"


async def reach(url: str) -> str:
    """The servers, without what is secret in their addresses, once one of them has answered. Raises `StoreError`."""
    servers = _servers(url)
    places = _places(servers)
    client = Client()

    errors: list[Exception] = []

    async def note(error: Exception) -> None:
        errors.append(error)

    try:
        async with asyncio.timeout(REACH_S):
            await client.connect(
                servers=servers, allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0, error_cb=note
            )
    except (NatsError, OSError) as error:
        why = str(errors[-1] if errors else error) or "no answer"
        raise StoreError(
            f"No server for signals answers at {places} ({why}). Start one, or see to {SETTING}."
        ) from None
    finally:
        await client.close()
    return places


def _servers(url: str) -> list[str]:
    return [each.strip() for each in url.split(",")]


def _places(servers: list[str]) -> str:
    try:
        return ", ".join(f"{parts.hostname}:{parts.port or PORT}" for parts in map(urlsplit, servers))
    except ValueError:  # it would quote what may be a part of a password
        raise StoreError(f"{SETTING} is no address such as nats://host:{PORT}.") from None


class NatsSignals:
    """See `signals.Signals`.

    Args:
        url: `nats://host:4222` or `tls://...`, with user and password or a token if needed; several, with commas.
        space: see `signals.SharedSignals`.

    Raises:
        StoreError: that is no address.
    """

    max_bytes = MAX_BYTES

    def __init__(self, url: str, space: str = "") -> None:
        self._servers = _servers(url)
        self.places = _places(self._servers)
        """The servers, without what is secret in their addresses."""
        self.space = space
        self._client = Client()
        self._hears: Hears | None = None
        self._hints: Coalesced | None = None
        self._outbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(MAX_OUTBOX)
        self._watched: set[str] = set()
        self._to_subscribe: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._absence_told = False

    @property
    def connected(self) -> bool:
        return bool(self._client.is_connected)

    async def open(self, hears: Hears) -> None:
        assert self.space, "services that share a server would hear each other"
        self._hears = hears
        self._hints = Coalesced(self._send_hints)
        self._tasks = [asyncio.create_task(self._serve(), name="signals")]

    async def close(self) -> None:
        if not self._tasks:
            return  # it was never opened
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client.is_connected:
            await self._client.flush(1)
        if not self._client.is_closed:
            await self._client.close()

    def tell(self, run_ids: Iterable[str], *, ready: bool = False) -> None:
        if self._hints is not None:
            self._hints.add(run_ids, ready=ready)

    def show(self, run_id: str, text: str) -> None:
        self._send(f"{self._subject}.shown.{run_id}", text)

    def want(self, run_id: str) -> None:
        self._send(f"{self._subject}.wanted", run_id)

    def watch(self, run_id: str) -> None:
        self._watched.add(run_id)
        self._to_subscribe.put_nowait(run_id)

    def unwatch(self, run_id: str) -> None:
        self._watched.discard(run_id)
        self._to_subscribe.put_nowait(run_id)

    @property
    def _subject(self) -> str:
        return f"fastagency.{self.space}"

    # --- sending --------------------------------------------------------------------------------------------------

    def _send_hints(self, run_ids: Collection[str], ready: bool) -> None:
        ids = list(run_ids)
        for first in range(0, len(ids), IDS_AT_A_TIME):
            self._send(f"{self._subject}.changed", " ".join(ids[first : first + IDS_AT_A_TIME]))
        if ready:
            self._send(f"{self._subject}.ready", "")

    def _send(self, subject: str, text: str) -> None:
        if self._outbox.full():
            self._outbox.get_nowait()  # it would be the oldest news
        self._outbox.put_nowait((subject, text.encode()))

    # --- the connection -------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        await self._connect()
        await self._client.subscribe(f"{self._subject}.changed", cb=self._on_changed)
        await self._client.subscribe(f"{self._subject}.ready", cb=self._on_ready)
        await self._client.subscribe(f"{self._subject}.wanted", cb=self._on_wanted)
        self._tasks.append(asyncio.create_task(self._subscribe_and_not(), name="signals-watch"))
        self._look_at_everything()
        while True:
            subject, payload = await self._outbox.get()
            try:
                await self._client.publish(subject, payload)
            except Exception as error:  # noqa: BLE001 - a signal may be lost; the client makes a new connection itself
                logger.debug("A signal was not sent: %s", error)

    async def _connect(self) -> None:
        while True:
            try:
                await self._client.connect(
                    servers=self._servers,
                    name="fastagency",
                    no_echo=True,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    error_cb=self._on_error,
                    reconnected_cb=self._on_reconnected,
                )
            except Exception as error:  # noqa: BLE001 - whatever it is, there are no signals until it is mended
                await self._on_error(error)
                await asyncio.sleep(RETRY_S)
            else:
                self._absence_told = False
                logger.info("Signals go over %s", self.places)
                return

    async def _subscribe_and_not(self) -> None:
        held: dict[str, Subscription] = {}
        while True:
            run_id = await self._to_subscribe.get()
            try:
                if run_id in self._watched and run_id not in held:
                    held[run_id] = await self._client.subscribe(f"{self._subject}.shown.{run_id}", cb=self._on_shown)
                elif run_id not in self._watched and run_id in held:
                    await held.pop(run_id).unsubscribe()
            except Exception as error:  # noqa: BLE001 - as above; after a reconnection the client subscribes again
                logger.debug("A run's signals could not be subscribed to: %s", error)

    def _look_at_everything(self) -> None:
        assert self._hears is not None
        self._hears.changed(None, ready=True)

    # --- what is heard --------------------------------------------------------------------------------------------

    async def _on_changed(self, message: Msg) -> None:
        assert self._hears is not None
        self._hears.changed(message.data.decode().split(), ready=False)

    async def _on_ready(self, _message: Msg) -> None:
        assert self._hears is not None
        self._hears.changed((), ready=True)

    async def _on_wanted(self, message: Msg) -> None:
        assert self._hears is not None
        self._hears.wanted(message.data.decode())

    async def _on_shown(self, message: Msg) -> None:
        assert self._hears is not None
        self._hears.shown(message.subject.rpartition(".")[2], message.data.decode())

    async def _on_error(self, error: Exception) -> None:
        if self.connected or self._absence_told:
            logger.debug("The connection for signals: %s", error)
            return
        self._absence_told = True
        why = str(error) or type(error).__name__
        logger.warning("No signals over %s (%s). The connection is tried again and again", self.places, why)

    async def _on_reconnected(self) -> None:
        self._absence_told = False
        logger.info("The connection for signals over %s is back", self.places)
        self._look_at_everything()
