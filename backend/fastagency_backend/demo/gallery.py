"""A tour of the protocol: every message that a workflow can send, each with something in it to look at."""

from __future__ import annotations

import asyncio
from typing import Any

from fastagency_shared.messages import TextChunk, Thought, Usage

from fastagency_backend.engine.context import current_run
from fastagency_backend.workflow import AsyncUI

MARKDOWN = """### What text can look like

Text is shown as markdown: **bold**, *italic*, `code`, [links](https://www.python.org) and lists.

| planet  | moons | day (hours) |
|---------|------:|------------:|
| Earth   |     1 |        23.9 |
| Mars    |     2 |        24.6 |
| Jupiter |    95 |         9.9 |

```python
def moons(planet: str) -> int:
    return {"Earth": 1, "Mars": 2, "Jupiter": 95}[planet]
```

> Quotations stand out, and so do the rules below them.

---
"""
STORY = "This sentence arrives word by word, the way a model writes it, and is kept whole once it is complete."
WORD_DELAY_S = 0.04
TOPPINGS = ["Tomatoes", "Olives", "Mushrooms, fried", "Artichokes"]
DONE = "The tour is complete: you have seen every kind of message."


async def gallery(ui: AsyncUI, params: dict[str, Any]) -> str:
    """Show everything there is. `params` are shown with the first message and change nothing."""
    await _texts(ui)
    await _questions(ui)
    await _functions(ui)
    await _notices(ui)
    return DONE


async def _texts(ui: AsyncUI) -> None:
    await ui.text_message(sender="guide", recipient="User", body=MARKDOWN)
    run = current_run()
    assert run is not None, "a workflow is always inside its run"
    for word in STORY.split(" "):
        run.chunk(TextChunk(sender="narrator", stream="story", delta=f"{word} "))
        if not run.replaying:
            await asyncio.sleep(WORD_DELAY_S)
    await ui.text_message(sender="narrator", recipient="User", body=STORY)
    await ui.process_message(
        Thought(sender="narrator", body="Agents that reason show their thoughts apart, like this.")
    )
    await ui.process_message(Usage(sender="narrator", model="none", prompt_tokens=12, completion_tokens=20))


async def _questions(ui: AsyncUI) -> None:
    name = await ui.text_input(
        sender="guide", recipient="User", prompt="What shall I call you?", suggestions=["Ada", "Grace", "Alan"]
    )
    secret = await ui.text_input(
        sender="guide", recipient="User", prompt="Type any secret: it is never shown.", password=True
    )
    size = await ui.multiple_choice(
        sender="guide",
        recipient="User",
        prompt="One of these:",
        choices=["Small", "Medium", "Large"],
        default="Medium",
    )
    toppings = await ui.multiple_choice(
        sender="guide", recipient="User", prompt="Any number of these:", choices=TOPPINGS, single=False
    )
    await ui.text_message(
        sender="guide",
        recipient="User",
        body=f"Thank you, **{name or 'stranger'}**: a secret of {len(secret)} characters, size *{size}*, "
        f"with {toppings or 'nothing on it'}.",
    )


async def _functions(ui: AsyncUI) -> None:
    arguments = {"city": "Zagreb", "days": 3, "units": {"temperature": "celsius"}}
    await ui.suggested_function_call(
        sender="assistant", recipient="executor", function_name="forecast", call_id="call_1", arguments=arguments
    )
    await ui.function_call_execution(
        sender="executor",
        recipient="assistant",
        function_name="forecast",
        call_id="call_1",
        retval={"monday": 21, "tuesday": 23.5, "wednesday": "thunderstorms"},
    )


async def _notices(ui: AsyncUI) -> None:
    await ui.system_message(
        sender="Workflow",
        message={"event": "handoff", "text": "The guide hands over to the expert", "target": "expert"},
    )
    await ui.keep_alive(sender="Workflow")
    await ui.error(
        sender="expert",
        recipient="User",
        short="The expert could not be reached, and this is how an error looks.",
        long="Errors have details for those who want them.\n\nThe run goes on after this one.",
    )
