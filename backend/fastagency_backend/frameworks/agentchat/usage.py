"""Which model an agent calls, and what that takes.

AgentChat counts an agent's tokens, and does not say which model took them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from autogen_core.models import CreateResult

from fastagency_backend.engine.observer import Call, Seen
from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.agentchat.request import scope
from fastagency_backend.frameworks.failure import noting


class Models:
    """The models of a run's agents (`run.slots`), by the agent's name; "" for calls outside of a team."""

    def __init__(self) -> None:
        self.by_agent: dict[str, str | None] = {}


def note_model(run: Run, agent: str, client: object) -> str | None:
    """An agent calls this client; returns the name of its model, if it has one."""
    name = model_name(client)
    run.slots[Models].by_agent[agent] = name
    return name


def model_of(run: Run, agent: str | None) -> str | None:
    """The model that an agent called last."""
    by_agent = run.slots[Models].by_agent
    return by_agent.get(agent or "", by_agent.get(""))


def model_name(client: Any) -> str | None:
    """The name in a client's settings: AgentChat's clients keep what they send with each request."""
    arguments = getattr(client, "_create_args", None)
    name = arguments.get("model") if isinstance(arguments, dict) else getattr(client, "model", None)
    if isinstance(name, str):
        return name
    inner = getattr(client, "client", None)  # of a client around another one, such as a cache
    return None if inner is None or inner is client else model_name(inner)


@dataclass(frozen=True)
class ModelCall:
    """A call of a model under way."""

    seen: Seen
    messages: Any

    def answered(self, result: CreateResult) -> None:
        """To be called inside `calling_model`, with what the model said."""
        self.seen.used(result.usage.prompt_tokens, result.usage.completion_tokens)
        self.seen.content(lambda: self.messages, lambda: result.content)


@contextmanager
def calling_model(run: Run, model: str | None, messages: Any, *, streamed: bool = False) -> Iterator[ModelCall]:
    """Around a call of a model: it is observed, and what goes wrong is noted."""
    call = Call("chat", model or "unknown", scope(), streamed=streamed)
    with noting(run, model), run.observer.call(run.record, call) as seen:
        yield ModelCall(seen, messages)
