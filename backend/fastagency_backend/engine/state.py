"""The states of a run and what leads from one to another: the only list of transitions.

The store carries them out in SQL; its contract suite drives random operations and checks each step against this table.
The diagram in the docs is generated from it.
"""

from __future__ import annotations

from enum import StrEnum

from fastagency_shared.run import RunStatus


class RunChange(StrEnum):
    """What can happen to a run."""

    CLAIMED = "a worker takes it"
    CLAIMED_OPEN = "a worker takes it while a question is still open"
    ASKED = "it asks a person"
    ANSWERED = "the last open question is answered"
    ANSWERED_PARKED = "a question is answered while no worker has it"
    ANSWERED_MORE = "a question is answered, others are open"
    EXPIRED = "the deadline of the last open question passes"
    EXPIRED_MORE = "the deadline of a question passes, others are open"
    SLEPT = "it sleeps"
    WOKE = "it wakes up"
    WOKE_OPEN = "it wakes up while a question is open"
    DUE = "its moment comes while no worker has it"
    LOST = "its worker dies"
    RELEASED = "its worker stops and hands it over"
    COMPLETED = "the workflow returns"
    FAILED = "the workflow raises"
    CANCELLED = "a person stops it"
    RETRIED = "a person has it tried again"


_S, _C = RunStatus, RunChange

TRANSITIONS: dict[RunStatus, dict[RunChange, RunStatus]] = {
    _S.READY: {
        _C.CLAIMED: _S.RUNNING,
        _C.CLAIMED_OPEN: _S.WAITING,
        _C.ANSWERED_PARKED: _S.READY,
        _C.CANCELLED: _S.CANCELLED,
    },
    _S.RUNNING: {
        _C.ASKED: _S.WAITING,
        _C.SLEPT: _S.WAITING,
        _C.EXPIRED: _S.RUNNING,
        _C.EXPIRED_MORE: _S.WAITING,
        _C.LOST: _S.READY,
        _C.RELEASED: _S.READY,
        _C.COMPLETED: _S.COMPLETED,
        _C.FAILED: _S.FAILED,
        _C.CANCELLED: _S.CANCELLED,
    },
    _S.WAITING: {
        _C.ASKED: _S.WAITING,
        _C.ANSWERED: _S.RUNNING,
        _C.ANSWERED_PARKED: _S.READY,
        _C.ANSWERED_MORE: _S.WAITING,
        _C.EXPIRED: _S.RUNNING,
        _C.EXPIRED_MORE: _S.WAITING,
        _C.SLEPT: _S.WAITING,
        _C.WOKE: _S.RUNNING,
        _C.WOKE_OPEN: _S.WAITING,
        _C.DUE: _S.READY,
        _C.LOST: _S.READY,
        _C.RELEASED: _S.READY,
        _C.COMPLETED: _S.COMPLETED,
        _C.FAILED: _S.FAILED,
        _C.CANCELLED: _S.CANCELLED,
    },
    _S.COMPLETED: {},
    _S.FAILED: {_C.RETRIED: _S.READY},
    _S.CANCELLED: {},
}


class IllegalTransition(Exception):
    """We misused the state machine: a defect of ours, never a client's."""


def next_status(status: RunStatus, change: RunChange) -> RunStatus:
    """The status after a change. Raises `IllegalTransition` for a pair that is not in the table."""
    try:
        return TRANSITIONS[status][change]
    except KeyError:
        raise IllegalTransition(f"{change.name} cannot happen to a run that is {status.value}") from None


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> ready: a person starts it"]
    for status, changes in TRANSITIONS.items():
        lines += [f"    {status.value} --> {after.value}: {change.value}" for change, after in changes.items()]
        if status.ended:
            lines.append(f"    {status.value} --> [*]")
    return "\n".join(lines) + "\n"
