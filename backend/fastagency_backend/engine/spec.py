"""A workflow as the engine sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from fastagency_shared.errors import UnknownWorkflow
from fastagency_shared.user import User

from fastagency_backend.engine.failure import Failure

if TYPE_CHECKING:
    from fastagency_backend.engine.run import Run


@dataclass(frozen=True)
class WorkflowSpec:
    """`body` takes the run to its end and returns the result.

    `max_at_work`: how many of its runs may be at work at a time, over all workers. `roles`: who sees and starts it;
    None: everybody.
    `explain` says why a run failed, from what the body raised, if it knows better than that.
    """

    name: str
    description: str
    body: Callable[[Run], Awaitable[str | None]]
    durable: bool = True
    max_at_work: int | None = None
    explain: Callable[[Run, BaseException], Failure | None] = lambda _run, _error: None
    roles: frozenset[str] | None = None


class Offered(Protocol):
    """What it takes to start a run of a workflow, wherever that is driven: a `WorkflowSpec`, or a store's `Offer`."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def durable(self) -> bool: ...

    @property
    def roles(self) -> frozenset[str] | None: ...


S = TypeVar("S", bound=Offered)


def may_start(spec: Offered, user: User | None) -> bool:
    """Whether this is for somebody with the user's roles."""
    return spec.roles is None or (user is not None and not spec.roles.isdisjoint(user.roles))


def offered_to(user: User | None, specs: Mapping[str, S]) -> dict[str, S]:
    """What they may start. Of the rest they learn nothing."""
    return {name: spec for name, spec in specs.items() if may_start(spec, user)}


def spec_of(name: str, specs: Mapping[str, S]) -> S:
    """One workflow. Raises `UnknownWorkflow`."""
    if name not in specs:
        raise UnknownWorkflow.named(name, specs)
    return specs[name]
