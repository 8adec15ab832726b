"""One time through a workflow: from its top to its last message."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from fastagency_shared.errors import QuestionExpired
from fastagency_shared.messages import WorkflowCompleted, WorkflowFailed, WorkflowStarted
from fastagency_shared.run import RunStatus

from fastagency_backend.engine.body import whole
from fastagency_backend.engine.bridge import RunEvicted, RunUnwound
from fastagency_backend.engine.containment import WorkflowAborted
from fastagency_backend.engine.failure import IN_WORKFLOW, TOO_LARGE, UNANSWERED, Failure
from fastagency_backend.engine.key import FIRST
from fastagency_backend.engine.limits import ExceedsLimit, size_of
from fastagency_backend.engine.nul import without_nul
from fastagency_backend.engine.run import Run
from fastagency_backend.engine.spec import WorkflowSpec

logger = logging.getLogger(__name__)

NOT_DURABLE = "This workflow cannot go on after an interruption. What it said so far is above; please start it again."
SET_ASIDE = "This conversation has stopped the server {} times in a row, and is not taken up again."
BETWEEN = {"sender": "Workflow", "recipient": "User"}


async def attempt(run: Run, spec: WorkflowSpec, *, fresh: bool) -> None:
    """Run the workflow and end the run. `fresh`: for the first time, as far as can be known.

    Raises:
        RunEvicted: this process has to drop the run.
        StoreError: the run could not be ended.
    """
    if not fresh and not spec.durable:
        await _finish(run, RunStatus.FAILED, WorkflowFailed(short=NOT_DURABLE, **BETWEEN))
        return
    if not run.begun:
        run.emit(first_message(run.id, spec, run.record.params), identity=FIRST)
    logger.info("The run of %r %s", spec.name, "starts" if fresh else "goes on")
    try:
        with run.observer.segment(run.record, fresh=fresh):
            result = await _outcome(run, spec)
        text = None if result is None else _kept(run, str(result))
    except (Exception, asyncio.CancelledError, RunUnwound) as error:
        if run.evicted:
            raise RunEvicted(run.id) from error
        # A cancellation that is not ours is an error like any other: the workflow awaited what it had cancelled.
        failure = _why(error) or spec.explain(run, error) or IN_WORKFLOW
        run.observer.failed("workflow", failure.kind)
        logger.exception("The workflow %r failed (%s)", spec.name, failure.kind)
        run.cut_off()
        hint = f"The details are in the server's log, under run {run.id}."
        await _finish(run, RunStatus.FAILED, WorkflowFailed(short=failure.sentence, long=hint, **BETWEEN))
    else:
        await _finish(run, RunStatus.COMPLETED, WorkflowCompleted(result=text, **BETWEEN), text)


def first_message(run_id: str, spec: WorkflowSpec, params: str) -> WorkflowStarted:
    """How a run begins; `params` is JSON text."""
    return WorkflowStarted(
        workflow_uuid=run_id, name=spec.name, description=spec.description, params=json.loads(params), **BETWEEN
    )


def _kept(run: Run, result: str) -> str:
    """A result is data, which nobody reads before it is used: one that is too large is refused, never cut."""
    limit = run.limits.max_message_bytes
    if (size := size_of(result)) > limit:
        remedy = "Return a summary, and keep the rest elsewhere."
        raise ExceedsLimit.of("The result of the workflow", size, limit, "max_message_bytes", remedy)
    return without_nul(whole(result))


def _why(error: BaseException) -> Failure | None:
    match error:
        case QuestionExpired():
            return UNANSWERED
        case ExceedsLimit():
            return TOO_LARGE
    return None


async def set_aside(run: Run) -> None:
    """End a run that has taken its process down again and again, without running it."""
    logger.error("The run has taken its process down %d times in a row and is set aside", run.record.attempts)
    run.observer.failed("workflow", "set_aside")
    await _finish(run, RunStatus.FAILED, WorkflowFailed(short=SET_ASIDE.format(run.record.attempts), **BETWEEN))


async def _outcome(run: Run, spec: WorkflowSpec) -> str | None:
    """What the workflow returns or raises, in a task of its own: code that hears nothing is not waited for."""
    work = asyncio.ensure_future(spec.body(run))
    work.add_done_callback(lambda done: done.cancelled() or done.exception())
    either: list[asyncio.Future[Any]] = [work, run.aborted]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if run.aborted.done():
        raise WorkflowAborted.by(run.aborted.result())
    try:
        return work.result()
    except (Exception, asyncio.CancelledError, RunUnwound):
        raise
    except BaseException as error:
        raise WorkflowAborted.by(error) from error


async def _finish(
    run: Run, status: RunStatus, last: WorkflowCompleted | WorkflowFailed, result: str | None = None
) -> None:
    if run.evicted:
        return
    await run.journal.finish(status, result, last)
    logger.info("The run is %s", status.value)
