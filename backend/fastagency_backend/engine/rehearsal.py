"""Rehearses runs: replays each strictly against today's code, up to where it waits, and says what it would do there.

Nothing is called, asked or logged, and no network is reached; `strict.py` notes what the code wants, `verdict.py` says
what that means. It works on a store that nobody else uses.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import Any

from fastagency_shared.run import RunStatus

from fastagency_backend.engine import tracking
from fastagency_backend.engine.context import current_run, entered
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.outline import Outline, outline_of_message
from fastagency_backend.engine.run import Run
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.engine.strict import Strict
from fastagency_backend.engine.vault import OF_THIS_PROCESS, Vault
from fastagency_backend.engine.verdict import Kind, Verdict, judge_new_and_left
from fastagency_backend.store.base import RunRecord, Store, StoreError

logger = logging.getLogger(__name__)

AT_ONCE = 64
"""Runs that are rehearsed side by side."""
PAGE = 500
LOOK_S = 0.005
CALM_LOOKS = 3
"""Looks without anything new after which a run has said all that it says before it waits."""
PATIENCE_S = 1.0
"""How long a run that has not done all of what it did is waited for, after the last thing that it did."""
STUCK_S = 10.0
"""How long one is waited for that neither waits nor does anything."""
CANCEL_TRIES = 20
NETWORK = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"})


class NetworkRefused(Exception):
    """Code of a run wanted to reach the network outside of a recorded call."""


@cache
def refuse_network() -> None:
    """From now on, in this process, runs that are rehearsed reach no network."""
    sys.addaudithook(_refuse)


def _refuse(event: str, _args: tuple[Any, ...]) -> None:
    if event in NETWORK and (run := current_run()) is not None and run.strict is not None:
        raise NetworkRefused("A rehearsal reaches no network. What does should be a tool, or called by `ui.step`.")


async def rehearse_all(
    store: Store,
    workflows: Mapping[str, WorkflowSpec],
    *,
    ended: bool,
    share: tuple[int, int] = (0, 1),
    vault: Vault = OF_THIS_PROCESS,
) -> AsyncIterator[Verdict]:
    """The verdicts of all runs that are open, and with `ended` of the others.

    `share` is `(k, n)`, for n processes that share the work: every n-th run, counted from k.
    """
    tracking.install(asyncio.get_running_loop())
    refuse_network()
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(record: RunRecord) -> Verdict:
        async with slots:
            try:
                return await rehearse(store, workflows, record, vault)
            except StoreError:
                raise
            except Exception as error:
                logger.exception("The run could not be replayed", extra={"run_id": record.id})
                sentence = f"cannot be replayed: {type(error).__name__}: {error}"
                return Verdict(record.id, record.workflow, "unclear", sentence)

    after, number = "", 0
    while page := await store.walk_runs(after=after, limit=PAGE, ended=ended):
        after = page[-1].id
        mine = [record for place, record in enumerate(page, number) if place % share[1] == share[0]]
        number += len(page)
        for verdict in asyncio.as_completed([one(record) for record in mine]):
            yield await verdict


async def rehearse(
    store: Store, workflows: Mapping[str, WorkflowSpec], record: RunRecord, vault: Vault = OF_THIS_PROCESS
) -> Verdict:
    """What one run would do under today's code."""
    spec = workflows.get(record.workflow)
    if spec is None:
        return Verdict(record.id, record.workflow, "gone", f"the workflow {record.workflow!r} is gone")
    if not (spec.durable or record.status.ended):
        return Verdict(record.id, record.workflow, "unclear", "cannot be replayed: it is registered with durable=False")
    log = await store.load_log(record.id)
    strict = Strict(log)
    run = Run(record, log, store=store, feeds=Feeds(), drop=lambda run: run.bridge.close(), strict=strict, vault=vault)
    with entered(run):
        work = asyncio.create_task(_body(run, spec), name=f"rehearsal-{run.id}")
    try:
        waited = await _until_calm(run, strict, work, at_once=_stands_still(record))
        return await _judge(store, record, strict, work, run, waited=waited)
    finally:
        run.bridge.close()
        await tracking.cancel_all(run.tasks, CANCEL_TRIES)


async def _body(run: Run, spec: WorkflowSpec) -> str | None:
    return await spec.body(run)


async def _until_calm(run: Run, strict: Strict, work: asyncio.Task[str | None], *, at_once: bool) -> bool:
    """Wait until the run has ended, or only waits. False: it does neither. `at_once`: the first new thing is enough."""
    noted, since, looks = -1, 0.0, 0
    while not work.done() and not run.aborted.done():
        if strict.noted != noted:
            noted, since, looks = strict.noted, time.monotonic(), 0
        looks += 1
        calm_s = time.monotonic() - since
        known = not strict.left or (at_once and strict.new) or calm_s > PATIENCE_S
        if strict.waiting and looks > CALM_LOOKS and known:
            return True
        if calm_s > STUCK_S:
            return False
        await asyncio.sleep(LOOK_S)
    return True


async def _judge(
    store: Store, record: RunRecord, strict: Strict, work: asyncio.Task[str | None], run: Run, *, waited: bool
) -> Verdict:
    def verdict(kind: Kind, sentence: str, calls: int = 0, details: list[str] | None = None) -> Verdict:
        return Verdict(record.id, record.workflow, kind, sentence, calls, details or [])

    past, unrepeatable = await _past(store, record) if strict.left or strict.new else ({}, set())
    left = sorted(strict.left - unrepeatable)
    failure = _failure(run, work)
    if failure is not None and record.status is not RunStatus.FAILED and not strict.full:
        return verdict("fails", f"would fail: {type(failure).__name__}: {failure}")
    if not waited and not strict.new:
        return verdict("unclear", f"cannot be replayed: it has done nothing for {STUCK_S:g} s, and does not wait")
    if left or (strict.new and _stands_still(record)):
        return verdict(*judge_new_and_left(strict.new, left, past))
    if record.status is RunStatus.COMPLETED and work.done() and not strict.full and work.result() != record.result:
        return verdict("diverges", f"would end with {work.result()!r}, not {record.result!r}")
    return verdict("ok", "goes on as before")


def _failure(run: Run, work: asyncio.Task[str | None]) -> BaseException | None:
    if run.aborted.done():
        return run.aborted.result()
    if not work.done():
        return None
    return asyncio.CancelledError("it was cancelled") if work.cancelled() else work.exception()


def _stands_still(record: RunRecord) -> bool:
    """Whether nothing was under way when the copy was made: else what is new may be what comes next."""
    parked = record.status is RunStatus.WAITING and record.worker is None
    return parked or record.status is RunStatus.COMPLETED


async def _past(store: Store, record: RunRecord) -> tuple[dict[str, Outline | None], set[str]]:
    """The outlines of what the run did, and the keys of messages that no replay can say again."""
    past = await store.load_past(record.id)
    outlines: dict[str, Outline | None] = {key: json.loads(text) if text else None for key, text in past.asked.items()}
    outlines |= {key: outline_of_message(body) for key, body in past.said.items()}
    cut_off = {key for key, body in past.said.items() if '"interrupted":true' in body}
    return outlines, cut_off
