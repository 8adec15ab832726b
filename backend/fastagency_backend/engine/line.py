"""Runs that wait for a worker: said in the log and to those who watch them, and counted for health."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from fastagency_shared.run import RunStatus

from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.pause import pause
from fastagency_backend.store.base import RunRecord, Store
from fastagency_backend.store.dispatch import Line

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
PATIENCE_S = 5.0
"""Whoever waits for less than this is not spoken of."""


@dataclass(frozen=True)
class Waiting:
    """Runs that wait for their turn, those whose workflow no worker has, and those whose build none goes on with."""

    for_room: int = 0
    for_workflow: int = 0
    for_build: int = 0


NOBODY = Waiting()


class Lines:
    """Looks again and again; says in the log what has changed."""

    def __init__(self, store: Store, feeds: Feeds) -> None:
        self.waiting = NOBODY
        self._store, self._feeds = store, feeds
        self._said: frozenset[tuple[str, str | None, bool]] = frozenset()
        self._reasons: dict[tuple[str, str | None], str] = {}

    async def look(self) -> None:
        now = await self._store.now()
        late = [line for line in await self._store.dispatcher.lines() if now - line.since >= PATIENCE_S]
        self.waiting = Waiting(
            for_room=sum(line.runs for line in late if line.offered),
            for_workflow=sum(line.runs for line in late if not line.offered and line.build is None),
            for_build=sum(line.runs for line in late if line.build is not None),
        )
        for line in late:
            if (line.workflow, line.build, line.offered) not in self._said:
                _say(line)
        self._said = frozenset((line.workflow, line.build, line.offered) for line in late)
        self._reasons = {(line.workflow, line.build): reason_of(line) for line in late}
        if self._reasons:
            await self._tell()
        await pause(LOOK_EVERY_S)

    def reason(self, run: RunRecord) -> str | None:
        """Why nobody has taken up the run, in words for people; None: it is not in a line, or not for long."""
        if run.status is not RunStatus.READY:
            return None
        return self._reasons.get((run.workflow, run.build)) or self._reasons.get((run.workflow, None))

    async def _tell(self) -> None:
        """Send those who watch a run that is ready back to the store: there they learn the reason."""
        for run_id, (_, about) in (await self._store.heads(self._feeds.watched)).items():
            if about.startswith(RunStatus.READY):
                self._feeds.go_stale(run_id)


def reason_of(line: Line) -> str:
    if line.offered:
        return "This conversation waits for its turn: the server is busy."
    if line.build is not None:
        return f"This conversation goes on with the version {line.build!r}, and waits for a server that has it."
    return f"The workflow {line.workflow!r} is not offered at the moment. The conversation goes on when it is back."


def _say(line: Line) -> None:
    if line.offered:
        logger.warning(
            "%d runs of the workflow %r wait for their turn: the workers have no room for more, or the limits of runs "
            "at work are reached (FASTAGENCY_MAX_LIVE_RUNS, FASTAGENCY_MAX_RUNS_AT_WORK_PER_USER, max_at_work)",
            line.runs,
            line.workflow,
        )
    elif line.build is not None:
        logger.warning(
            "%d runs of the workflow %r wait for a worker of the build %r, or for one that goes on with its runs "
            "(FASTAGENCY_COMPATIBLE_BUILDS)",
            line.runs,
            line.workflow,
            line.build,
        )
    else:
        logger.warning(
            "%d runs of the workflow %r wait: no worker has it any more. They go on when it is registered again",
            line.runs,
            line.workflow,
        )
