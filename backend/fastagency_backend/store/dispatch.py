"""Which worker has which run: the part of the store that shares runs out.

A run has one worker at a time, whose lease the run's row carries as a fence; a worker that dies loses its runs when its
own lease is over, whatever its clock says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from fastagency_backend.store.base import RunRecord

ON_TRIAL = 2
"""Attempts from which on a run is taken up on trial only."""


@dataclass(frozen=True, slots=True)
class AtWork:
    """How many runs may be at work at a time, over all workers: of each signed-in user, and of the workflows named.

    A run is at work while a worker has it and it neither waits for a person nor sleeps.
    """

    per_user: int | None = None
    per_workflow: Mapping[str, int] = field(default_factory=dict)

    def of_user(self, user: str) -> float:
        """`user` is empty for whoever is not signed in."""
        return float("inf") if self.per_user is None or not user else self.per_user

    def of_workflow(self, workflow: str) -> float:
        return self.per_workflow.get(workflow, float("inf"))


NO_LIMITS = AtWork()


@dataclass(frozen=True, slots=True)
class Builds:
    """The builds whose runs a worker drives: its `own`, and the `others`; of those, None means any.

    A run that was driven by a build without a name, or by none yet, is for everybody.
    """

    own: str | None = None
    others: frozenset[str] | None = None

    @property
    def named(self) -> list[str] | None:
        """All of them by name; None: any."""
        return None if self.others is None else sorted(self.others | ({self.own} if self.own else set()))


ANY_BUILD = Builds()


@dataclass(frozen=True, slots=True)
class Offer:
    """A workflow that workers have, as the build that offered it last describes it. `roles`: for whom; None: all."""

    name: str
    description: str
    durable: bool = True
    build: str | None = None
    roles: frozenset[str] | None = None

    @property
    def roles_json(self) -> str | None:
        """As stores keep them."""
        return None if self.roles is None else json.dumps(sorted(self.roles))

    @classmethod
    def of_row(cls, name: str, description: str, durable: bool, build: str | None, roles: str | None) -> Self:
        """What a store has kept."""
        return cls(name, description, bool(durable), build, None if roles is None else frozenset(json.loads(roles)))


OFFER_KEPT_S = 7 * 86_400.0
"""How long a workflow that no worker offers any more is remembered, while workers are there."""


@dataclass(frozen=True, slots=True)
class Line:
    """Runs of one workflow that no worker has: ready, or of a worker that is dead; `since` is when the first became so.

    `offered`: whether a worker that is alive has this workflow, and drives these runs. `build`: workers have the
    workflow, but none that drives runs of this build.
    """

    workflow: str
    runs: int
    since: float
    offered: bool
    build: str | None = None


def in_lines(rows: Iterable[tuple[str, str | None, int, float, bool, bool]]) -> list[Line]:
    """Lines from counts: workflow, build, how many, since when, whether workers have it, and whether one drives these.

    Where it does not matter for whom they wait, runs of several builds are in one line.
    """
    found: dict[tuple[str, str | None], Line] = {}
    for workflow, build, runs, since, known, offered in rows:
        line = Line(workflow, runs, since, bool(offered), build if known and not offered else None)
        same = found.get((workflow, line.build), line)
        if same is not line:
            line = replace(line, runs=line.runs + same.runs, since=min(line.since, same.since))
        found[workflow, line.build] = line
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Owned:
    """A run that a worker owns: the fence of its lease, and the newest `seq` of its log."""

    fence: int
    last_seq: int


class Dispatcher(Protocol):
    """Shares the runs out among workers: each run has one at a time. Every coroutine may raise `StoreError`."""

    async def lines(self) -> list[Line]:
        """The runs that wait for a worker, by workflow."""
        ...

    async def offer_workflows(self, offers: Sequence[Offer], *, kept_s: float = OFFER_KEPT_S) -> None:
        """Let everybody know what a worker has. What was offered last `kept_s` ago or earlier is forgotten."""
        ...

    async def catalogue(self) -> list[Offer]:
        """The workflows that there are, also while no worker is: in the order of those who offer them, then by name."""
        ...

    async def register_worker(self, worker: str, ttl_s: float, well: Callable[[], bool] | None = None) -> None:
        """From now on keep this worker's lease alive, from a thread that a blocked event loop does not stop.

        It is not renewed while `well` says no; that is called in any thread.
        """
        ...

    def term(self, worker: str) -> int | None:
        """In which unbroken stretch of this worker's lease we are, by our own clock; None while the lease is not good.

        Nobody takes a run over from a worker that owned it in this stretch, until that is over. Called in any thread.
        """
        ...

    async def release_worker(self, worker: str) -> None:
        """Give back everything this worker owns: runs become ready for others, or stay parked if they only wait."""
        ...

    async def give_back_runs(self, worker: str, fences: Mapping[str, int]) -> None:
        """Runs that this worker owns under these fences, by id, and does not drive: they become ready for others."""
        ...

    async def claim_runs(
        self,
        worker: str,
        workflows: Sequence[str],
        *,
        limit: int,
        at_work: AtWork = NO_LIMITS,
        builds: Builds = ANY_BUILD,
        on_trial: bool = False,
    ) -> list[RunRecord]:
        """Take over runs that are ready, due, or whose worker's lease has expired. Each gets a new fence.

        Each is of the build `builds.own` from then on; only those that one of the `builds` drove last are taken over.

        It goes round by user, oldest first for each; no more are taken than may be at work.

        A worker whose lease has expired counts as an attempt of those of its runs that got no further since it had
        taken them up (if all did: of all), and blames the run that is the only such one. Runs with `ON_TRIAL` attempts
        or more come only with `on_trial`: one, without any other, the one that was claimed last.
        """
        ...

    async def next_due(self) -> float | None:
        """In how many seconds the next parked run is due; 0 or less if one is."""
        ...

    async def owned_runs(self, worker: str, among: Collection[str] | None = None) -> dict[str, Owned]:
        """The runs that this worker still owns, by id; all, or those among some."""
        ...
