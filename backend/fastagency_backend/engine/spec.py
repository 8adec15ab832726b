"""A workflow as the engine sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastagency_shared.errors import UnknownWorkflow

if TYPE_CHECKING:
    from fastagency_backend.engine.run import Run


@dataclass(frozen=True)
class WorkflowSpec:
    """`body` takes the run to its end and returns the result."""

    name: str
    description: str
    body: Callable[[Run], Awaitable[str | None]]
    durable: bool = True


def spec_of(name: str, specs: Mapping[str, WorkflowSpec]) -> WorkflowSpec:
    """One workflow. Raises `UnknownWorkflow`."""
    if name not in specs:
        raise UnknownWorkflow.named(name, specs)
    return specs[name]
