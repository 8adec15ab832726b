"""Random operations on a store: every change of a run's status must be in the engine's table of transitions.

Subclass `StoreMachine` and give it `make_store`. Two workers share the runs through two stores; a third is a ghost that
never registers, so that its runs are those of a dead worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from fastagency_backend.engine.state import TRANSITIONS, RunChange
from fastagency_backend.store.base import EXPIRED, Lease, LeaseLost, RunRecord, Start, Store
from fastagency_backend.store.signals import Deaf
from fastagency_shared.run import RunStatus
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.contract.store_contract import LONG_S, append, ask, body, claim, new, note, place, record, run_id

T = TypeVar("T")
C = RunChange
LIVING = ("a", "b")
numbers = st.integers(0, 5)
workers = st.sampled_from(LIVING)
PAST, FUTURE = 0.5, 9e9
moments = st.sampled_from([PAST, FUTURE])


@dataclass
class Known:
    """What the machine expects of a run."""

    status: RunStatus = RunStatus.READY
    fence: int = 0
    open: list[str] = field(default_factory=list)
    unnoted: list[str] = field(default_factory=list)
    asked: int = 0
    events: int = 0
    overdue: set[str] = field(default_factory=set)
    """Open questions whose deadline has passed."""
    rests_until: float | None = None

    @property
    def can_be_answered(self) -> list[str]:
        return [uuid for uuid in self.open if uuid not in self.overdue]

    @property
    def is_due(self) -> bool:
        return self.rests_until == PAST or len(self.can_be_answered) < len(self.open)


class StoreMachine(RuleBasedStateMachine):
    """See the module's docstring."""

    def make_store(self) -> Store:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.known: dict[int, Known] = {}
        self.leases: dict[int, list[Lease]] = {}
        self.key = 0

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    @initialize()
    def open(self) -> None:
        self.stores = {worker: self.make_store() for worker in LIVING}
        for worker, store in self.stores.items():
            self.run(store.open(Deaf()))
            self.run(store.dispatcher.register_worker(worker, LONG_S))
        self.stores["ghost"] = self.stores["a"]
        for number in range(3):  # something to begin with: most of what follows needs a run that is owned
            self.create(number, "a")
        self.claim("a", 3)

    def teardown(self) -> None:
        for worker in LIVING:
            self.run(self.stores[worker].close())
        self.runner.close()

    # --- what is checked after each operation ---------------------------------------------------------------------

    def look(self, number: int) -> RunRecord:
        found = self.run(self.stores["b"].get_run(run_id(number)))
        assert found is not None
        return found

    def changed(self, number: int, *changes: RunChange) -> None:
        """An operation that did something: it is one of these changes, and the table says where it leads."""
        known, found = self.known[number], self.look(number)
        ways = {change: TRANSITIONS[known.status][change] for change in changes if change in TRANSITIONS[known.status]}
        assert ways, f"{changes} happened to a run that was {known.status}"
        assert found.status in ways.values(), f"{known.status} became {found.status} by {changes}"
        known.status, known.fence = found.status, found.fence

    @invariant()
    def nothing_else_has_changed(self) -> None:
        for number, known in self.known.items():
            page = self.run(self.stores["a"].read_events(run_id(number), after=0, limit=1000))
            found = page.run
            assert found is not None
            assert (found.status, found.fence, found.last_seq) == (known.status, known.fence, known.events)
            assert len(found.questions) == (0 if known.status.ended else len(known.open))
            assert not (found.worker and (known.status.ended or known.status is RunStatus.READY))
            assert [event.seq for event in page.events] == list(range(1, known.events + 1))

    def holds(self, number: int, lease: Lease) -> bool:
        known = self.known[number]
        return lease.fence == known.fence and known.status in (RunStatus.RUNNING, RunStatus.WAITING)

    def attempt(self, number: int, lease: Lease, write: Coroutine[Any, Any, object]) -> bool:
        """A write with a lease works if, and only if, the lease is good."""
        try:
            self.run(write)
        except LeaseLost:
            assert not self.holds(number, lease)
            return False
        assert self.holds(number, lease)
        return True

    def pick(self, data: st.DataObject) -> tuple[int, Lease, Store]:
        """A run with one of its leases, mostly the newest of a run that lives."""
        wild = data.draw(st.integers(0, 5)) == 5
        living = [number for number in self.leases if wild or not self.known[number].status.ended]
        number = data.draw(st.sampled_from(living or list(self.leases)))
        lease = data.draw(st.sampled_from(self.leases[number])) if wild else self.leases[number][-1]
        return number, lease, self.stores[data.draw(workers)]

    # --- operations -----------------------------------------------------------------------------------------------

    @rule(number=numbers, worker=workers)
    def create(self, number: int, worker: str) -> None:
        _, created = self.run(self.stores[worker].create_run(new(number)))
        assert created == (number not in self.known)
        self.known.setdefault(number, Known())

    @rule(number=numbers, worker=st.sampled_from([*LIVING, "ghost"]))
    def begin(self, number: int, worker: str) -> None:
        """Create a run and take it up: the ghost is no worker and cannot."""
        start = Start(worker, "first", body("first"))
        found, created = self.run(self.stores[worker].create_run(new(number), start))
        assert created == (number not in self.known)
        if created:
            self.known[number] = Known()
            if worker in LIVING:
                self.known[number].events += 1
                self.changed(number, C.CLAIMED)
                self.leases[number] = [Lease(found.id, found.fence)]

    @rule(worker=st.sampled_from([*LIVING, "ghost"]), limit=st.integers(1, 3))
    def claim(self, worker: str, limit: int) -> None:
        owners = {number: self.look(number).worker for number in self.known}
        taken = self.run(claim(self.stores[worker], worker, limit=limit))
        for number, known in self.known.items():
            if owners[number] == "ghost":
                known.status = TRANSITIONS[known.status][C.LOST]
            elif owners[number] is None and known.status is RunStatus.WAITING and known.is_due:
                known.status = TRANSITIONS[known.status][C.DUE]
        for run, lease in taken.items():
            known = self.known[number := int(run, 16)]
            assert lease.fence == known.fence + 1
            known.rests_until = None
            self.changed(number, C.CLAIMED_OPEN if known.can_be_answered else C.CLAIMED)
            self.leases.setdefault(number, []).append(lease)
        ready = [known for known in self.known.values() if known.status is RunStatus.READY]
        assert len(taken) == limit or not ready

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), is_event=st.booleans())
    def write(self, data: st.DataObject, is_event: bool) -> None:
        number, lease, store = self.pick(data)
        self.key += 1
        if not is_event:
            self.attempt(number, lease, record(store, lease, str(self.key), self.key))
        elif self.attempt(number, lease, append(store, lease, str(self.key))):
            self.known[number].events += 1

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), what=st.sampled_from(["ask", "ask", "answer", "answer", "note", "park", "expire", "rest"]))
    def talk(self, data: st.DataObject, what: str) -> None:
        """One rule for these operations, for they mean little without each other."""
        number, lease, store = self.pick(data)
        match what:
            case "ask":
                self.ask(number, lease, store, data.draw(st.none() | moments))
            case "expire":
                known = self.known[number]
                self.expire(number, lease, store, data.draw(st.sampled_from([*known.open, "q0"])))
            case "rest":
                self.rest(number, lease, store, data.draw(st.none() | moments))
            case "answer":
                known = self.known[number]
                uuid = data.draw(st.sampled_from([*known.open, f"q{known.asked}", "q0"]))
                self.answer(number, store, uuid, data.draw(st.sampled_from([None, lease])))
            case "note":
                self.note(number, lease, store)
            case "park":
                self.park(number, lease, store)

    def ask(self, number: int, lease: Lease, store: Store, due: float | None) -> None:
        known = self.known[number]
        uuid = f"q{known.asked}"
        if self.attempt(number, lease, ask(store, lease, uuid, due)):
            known.open.append(uuid)
            if due == PAST:
                known.overdue.add(uuid)
            known.asked += 1
            known.events += 1
            self.changed(number, C.ASKED)

    def answer(self, number: int, store: Store, uuid: str, lease: Lease | None) -> None:
        """With a lease: in the process that drives the run, or did."""
        known = self.known[number]
        parked = self.look(number).worker is None
        self.key += 1
        where = None if lease is None else place(lease, self.key)
        answered = self.run(store.answer_question(run_id(number), uuid, '"yes"', body("answer"), 2.0, None, where))
        assert (answered is not None) == (uuid in known.can_be_answered and not known.status.ended)
        if answered is not None:
            assert answered.placed == (lease is not None and self.holds(number, lease) and not parked)
            more = self.closed(known, uuid)
            if answered.placed:
                known.unnoted.remove(uuid)
            assert answered.status is self.look(number).status
            self.changed(number, C.ANSWERED_PARKED if parked else C.ANSWERED_MORE if more else C.ANSWERED)

    def expire(self, number: int, lease: Lease, store: Store, uuid: str) -> None:
        known = self.known[number]
        parked = self.look(number).worker is None
        try:
            event = self.run(store.expire_question(lease, uuid, EXPIRED, body("expired"), 2.0))
        except LeaseLost:
            assert not self.holds(number, lease)
            return
        assert self.holds(number, lease)
        assert (event is not None) == (uuid in known.open)
        if event is not None:
            more = self.closed(known, uuid)
            self.changed(number, C.ANSWERED_PARKED if parked else C.EXPIRED_MORE if more else C.EXPIRED)

    def closed(self, known: Known, uuid: str) -> bool:
        """Whether the run waits for something else too."""
        known.open.remove(uuid)
        known.unnoted.append(uuid)
        known.events += 1
        return bool(known.open) or known.rests_until is not None

    def rest(self, number: int, lease: Lease, store: Store, due: float | None) -> None:
        known = self.known[number]
        if due is None and known.rests_until is None:
            return
        if self.look(number).worker is None and self.holds(number, lease):
            with pytest.raises(LeaseLost):  # whoever parked the run has let go of it
                self.run(store.rest(lease, due))
        elif self.attempt(number, lease, store.rest(lease, due)):
            known.rests_until = due
            self.changed(number, C.SLEPT if due is not None else C.WOKE_OPEN if known.open else C.WOKE)

    def note(self, number: int, lease: Lease, store: Store) -> None:
        known = self.known[number]
        if known.unnoted:
            self.key += 1
            if self.attempt(number, lease, note(store, lease, known.unnoted[0], self.key)):
                known.unnoted.pop(0)

    def park(self, number: int, lease: Lease, store: Store) -> None:
        known = self.known[number]
        parked = self.run(store.park_run(lease))
        assert parked == (self.holds(number, lease) and known.status is RunStatus.WAITING and not known.unnoted)
        if parked:
            assert self.look(number).worker is None

    @rule(worker=st.sampled_from([*LIVING, "ghost"]))
    def release(self, worker: str) -> None:
        had = [number for number in self.known if self.look(number).worker == worker]
        self.run(self.stores[worker].dispatcher.release_worker(worker))
        for number in had:
            self.changed(number, C.RELEASED)
        if worker in LIVING:
            self.run(self.stores[worker].dispatcher.register_worker(worker, LONG_S))

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), end=st.sampled_from([C.COMPLETED, C.FAILED, C.CANCELLED]))
    def end(self, data: st.DataObject, end: RunChange) -> None:
        number, lease, store = self.pick(data)
        if end is C.CANCELLED:
            known = self.known[number]
            event = self.run(store.cancel_run(run_id(number), body("end"), 1.0))
            assert (event is None) == known.status.ended
            happened = event is not None
        else:
            status = RunStatus.COMPLETED if end is C.COMPLETED else RunStatus.FAILED
            happened = self.attempt(number, lease, store.finish_run(lease, status, None, body("end"), 1.0))
        if happened:
            self.known[number].events += 1
            self.changed(number, end)

    @rule(number=numbers, worker=workers)
    def retry(self, number: int, worker: str) -> None:
        event = self.run(self.stores[worker].retry_run(run_id(number), body("resumed"), 1.0))
        known = self.known.get(number)
        assert (event is not None) == (known is not None and known.status is RunStatus.FAILED)
        if event is not None and known is not None:
            known.events += 1
            self.changed(number, C.RETRIED)
