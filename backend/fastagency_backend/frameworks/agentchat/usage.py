"""Which model an agent uses: AgentChat counts an agent's tokens, and does not say which model took them."""

from __future__ import annotations

from typing import Any

from fastagency_backend.engine.run import Run


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
