"""Where AgentChat asks a person: `UserProxyAgent`'s questions go to the page, never to the server's terminal.

AgentChat repeats what the person said as a message of the proxy agent. The log has it already, as the answer to the
question, so `said` lets the stream leave that echo out.
"""

from __future__ import annotations

import builtins
import functools
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from autogen_agentchat.agents import UserProxyAgent, _user_proxy_agent
from autogen_core import CancellationToken
from fastagency_shared.messages import TextInput

from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.agentchat.request import scope

Method = Callable[..., Any]
InputFunction = Callable[[str, CancellationToken | None], Awaitable[str]]

_TERMINAL = (_user_proxy_agent.cancellable_input, builtins.input)


class _Echoes(Counter[tuple[str, str]]):
    """The answers of a run's people that AgentChat has still to repeat, by the agent and the text."""


def input_func_for(run: Run) -> InputFunction:
    """An `input_func` for `UserProxyAgent` that asks through the run."""

    async def ask_person(prompt: str, cancellation_token: CancellationToken | None = None) -> str:
        return await _ask(run, scope() or None, prompt)

    return ask_person


def get_input(original: Method) -> Method:
    """`UserProxyAgent._get_input`: inside a run, an agent that would read from the terminal asks through the page."""

    @functools.wraps(original)
    async def through_page(self: UserProxyAgent, prompt: str, cancellation_token: CancellationToken | None) -> str:
        run = current_run()
        if run is not None and self.input_func in _TERMINAL:
            return await _ask(run, self.name, prompt)
        answer: str = await original(self, prompt, cancellation_token)
        return answer

    return through_page


def said(run: Run, sender: str, text: str) -> bool:
    """Whether this is the echo of an answer that a person gave; each answer has one echo."""
    echoes = run.slots[_Echoes]
    if not echoes[sender, text]:
        return False
    echoes[sender, text] -= 1
    return True


async def _ask(run: Run, sender: str | None, prompt: str) -> str:
    answer = await run.ask(TextInput(sender=sender, prompt=prompt.strip()))
    text = answer if isinstance(answer, str) else ", ".join(answer)
    run.slots[_Echoes][sender or "", text] += 1
    return text
