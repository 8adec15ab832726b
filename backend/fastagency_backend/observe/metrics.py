"""What happens in an engine as numbers for Prometheus.

Counters and histograms grow as things happen; what there is (runs, questions, queues) is looked at when somebody reads.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastagency_shared.extras import extra

with extra("metrics", needed_by="FASTAGENCY_METRICS_PATH or FASTAGENCY_METRICS_PORT"):
    from prometheus_client import (
        CollectorRegistry,
        Counter,
        GCCollector,
        Histogram,
        PlatformCollector,
        ProcessCollector,
        generate_latest,
        start_http_server,
    )
    from prometheus_client.exposition import CONTENT_TYPE_LATEST
    from prometheus_client.metrics_core import GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector

from fastagency_backend.engine.key import INSIDE
from fastagency_backend.engine.observer import Call, Observer, Seen
from fastagency_backend.store.base import Census, RunRecord, Store

if TYPE_CHECKING:
    from fastagency_backend.engine.observer import Observed

logger = logging.getLogger(__name__)

CENSUS_KEPT_S = 10.0
"""The store is counted at most this often: it looks at every run."""
READ_TIMEOUT_S = 5.0
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CALL_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics(Observer):
    """Counts; `exposition` is what Prometheus reads. With a `port` it is served there too, apart from the routes."""

    def __init__(self, host: str, port: int | None) -> None:
        self._host, self._port = host, port
        self.registry = registry = CollectorRegistry()
        self._server: object | None = None
        self._steps = Counter("fastagency_steps", "Results of steps", ["kind", "source"], registry=registry)
        self._commit = Histogram(
            "fastagency_commit_seconds", "From a result to its commit", buckets=_SECONDS, registry=registry
        )
        self._replay = Histogram(
            "fastagency_replay_seconds",
            "From taking a run up to the end of its replay",
            buckets=_SECONDS,
            registry=registry,
        )
        self._calls = Histogram(
            "fastagency_call_seconds", "Calls that were made", ["kind"], buckets=_CALL_SECONDS, registry=registry
        )
        self._tokens = Counter("fastagency_tokens", "Tokens of models", ["model", "type"], registry=registry)
        self._errors = Counter("fastagency_errors", "What failed, and why", ["where", "kind"], registry=registry)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)

    def exposition(self) -> tuple[bytes, str]:
        """The numbers as text, and its content type. Blocking: not for the loop."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    # --- Observer -------------------------------------------------------------------------------------------------

    def started(self, process: Observed) -> None:
        self.registry.register(_Present(process))
        if self._port is None:
            return
        try:
            self._server, _ = start_http_server(self._port, self._host, self.registry)
        except OSError as error:
            logger.error(  # noqa: TRY400 - the traceback says nothing more
                "The metrics cannot be served at %s:%s (%s). Does another process serve them there? "
                "Each needs a FASTAGENCY_METRICS_PORT of its own.",
                self._host,
                self._port,
                error.strerror,
            )

    def stopped(self) -> None:
        if self._server is not None:
            self._server.shutdown()  # type: ignore[attr-defined]
            self._server.server_close()  # type: ignore[attr-defined]
            self._server = None

    @contextmanager
    def call(self, record: RunRecord, call: Call) -> Iterator[Seen]:
        begun = time.perf_counter()
        try:
            yield _Counted(self, call)
        finally:
            self._calls.labels(call.kind).observe(time.perf_counter() - begun)

    def used(self, model: str, prompt_tokens: int, completion_tokens: int) -> None:
        self._tokens.labels(model, "input").inc(prompt_tokens)
        self._tokens.labels(model, "output").inc(completion_tokens)

    def stepped(self, key: str, *, replayed: bool) -> None:
        kind = key.rsplit(INSIDE, 1)[-1].partition(":")[0]
        self._steps.labels(kind, "replayed" if replayed else "live").inc()

    def committed(self, seconds: float) -> None:
        self._commit.observe(seconds)

    def caught_up(self, seconds: float) -> None:
        self._replay.observe(seconds)

    def failed(self, where: str, kind: str) -> None:
        self._errors.labels(where, kind).inc()


class _Counted(Seen):
    def __init__(self, metrics: Metrics, call: Call) -> None:
        self._metrics, self._call = metrics, call

    def used(self, prompt_tokens: int, completion_tokens: int) -> None:
        self._metrics.used(self._call.name, prompt_tokens, completion_tokens)


@dataclass(frozen=True)
class _Count:
    """`ready`: for each workflow, how many runs wait for a worker, and for how many seconds the first has."""

    census: Census
    ready: dict[str, tuple[int, float]]


class _Present(Collector):
    """What there is at the moment, read from the process when somebody asks. Used in a thread beside the loop."""

    def __init__(self, process: Observed) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._counted: _Count | None = None
        self._counted_at = float("-inf")

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        counted = self._count()
        census = counted.census
        runs = GaugeMetricFamily("fastagency_runs", "Runs in the database", labels=["status"])
        for status, count in census.runs.items():
            runs.add_metric([status.value], count)
        yield runs
        oldest = census.oldest_question_at
        age_s = 0.0 if oldest is None else max(0.0, time.time() - oldest)
        yield GaugeMetricFamily("fastagency_open_questions", "Questions without an answer", value=census.questions)
        yield GaugeMetricFamily("fastagency_oldest_open_question_seconds", "Age of the oldest one", value=age_s)
        yield GaugeMetricFamily("fastagency_parked_runs", "Waiting runs in nobody's memory", value=census.parked)
        ready = GaugeMetricFamily("fastagency_ready_runs", "Runs that wait for a worker", labels=["workflow"])
        ages = GaugeMetricFamily("fastagency_oldest_ready_run_seconds", "Age of the oldest", labels=["workflow"])
        for workflow, (number, waited_s) in counted.ready.items():
            ready.add_metric([workflow], number)
            ages.add_metric([workflow], waited_s)
        yield ready
        yield ages
        process = self._process
        yield GaugeMetricFamily("fastagency_live_runs", "Runs in this process", value=process.live)
        yield GaugeMetricFamily(
            "fastagency_max_live_runs", "Runs that have room in this process", value=process.max_live
        )
        yield GaugeMetricFamily("fastagency_loop_lag_seconds", "Worst of 10 seconds", value=process.lag.worst_s)
        yield GaugeMetricFamily("fastagency_store_queue", "Writes that wait", value=process.store.queued)

    def _count(self) -> _Count:
        if self._counted is None or time.monotonic() - self._counted_at > CENSUS_KEPT_S:
            future = asyncio.run_coroutine_threadsafe(_count(self._process.store), self._loop)
            self._counted = future.result(READ_TIMEOUT_S)
            self._counted_at = time.monotonic()
        return self._counted


async def _count(store: Store) -> _Count:
    ready = {offer.name: (0, 0.0) for offer in await store.dispatcher.catalogue()}
    now = await store.now()
    for line in await store.dispatcher.lines():
        runs, waited_s = ready.get(line.workflow, (0, 0.0))
        ready[line.workflow] = runs + line.runs, max(waited_s, now - line.since)
    return _Count(await store.census(), ready)
