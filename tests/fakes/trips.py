"""A workflow that is parked in the middle, and what may become of it with the next deploy.

Every variant is a set of workflows, as an application would have them after the change.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from autogen_agentchat.agents import AssistantAgent
from fastagency_backend.workflow import UI, AsyncUI, Workflow

CALLS: Counter[str] = Counter()
SHORTLY = "You are helpful."


def quote(town: str, people: int) -> int:
    CALLS["quote"] += 1
    return len(town) * people


def offer(town: str, people: int) -> int:
    return quote(town, people)


def rent(town: str) -> str:
    CALLS["rent"] += 1
    return f"a car in {town}"


def book(town: str, answer: str) -> str:
    CALLS["book"] += 1
    return f"{town}: {answer}"


def trip(ui: UI, params: dict[str, Any]) -> str:
    """As it was when people began."""
    ui.text_message(sender="desk", body="Welcome")
    town = ui.text_input(sender="desk", prompt="Where to?")
    price = ui.step(quote, town, params["people"])
    car = ui.step(rent, town)
    ui.text_message(sender="desk", body=f"{car}, {price} euros")
    answer = ui.multiple_choice(sender="desk", prompt="Book it?", choices=["yes", "no"])
    return ui.step(book, town, answer)


def team(name: str = "guide", system_message: str = SHORTLY) -> Any:
    async def team(ui: AsyncUI, params: dict[str, Any]) -> str:
        agent = AssistantAgent(name, model_client=ui.model_client(), system_message=system_message)
        await ui.process(agent.run_stream(task="What is worth a visit?"))
        return await ui.text_input(sender="desk", prompt="Is that good?")

    return team


def application(trip: Any = trip, team: Any = team(), *, durable: bool = True) -> Workflow:  # noqa: B008 - the same each time
    wf = Workflow()
    wf.register("trip", "A trip", durable=durable)(trip)
    wf.register("team", "A team")(team)
    return wf


# --- what breaks what people are in the middle of ---------------------------------------------------------------------


def _changed(
    *,
    welcome: str = "Welcome",
    where: str = "Where to?",
    choices: tuple[str, ...] = ("yes", "no"),
    quoted: Any = quote,
    people: int = 0,
    rented: bool = True,
    insured: bool = False,
    about: str = "people",
) -> Workflow:
    def changed(ui: UI, params: dict[str, Any]) -> str:
        ui.text_message(sender="desk", body=welcome)
        town = ui.text_input(sender="desk", prompt=where)
        if insured:
            ui.step(rent, "insurance")
        price = ui.step(quoted, town, params[about] + people)
        car = ui.step(rent, town) if rented else f"a car in {town}"
        ui.text_message(sender="desk", body=f"{car}, {price} euros")
        answer = ui.multiple_choice(sender="desk", prompt="Book it?", choices=list(choices))
        return ui.step(book, town, answer)

    return application(changed)


def _asks_later(ui: UI, params: dict[str, Any]) -> str:
    ui.text_message(sender="desk", body="Welcome")
    answer = ui.multiple_choice(sender="desk", prompt="Book it?", choices=["yes", "no"])
    return ui.step(book, ui.text_input(sender="desk", prompt="Where to?"), answer)


def _without_trip() -> Workflow:
    wf = Workflow()
    wf.register("team", "A team")(team())
    return wf


INCOMPATIBLE: dict[str, tuple[Workflow, str, str, str]] = {
    "dropped step": (_changed(rented=False), "trip", "diverges", "rent does not come any more"),
    "added step": (_changed(insured=True), "trip", "calls", '"insurance"'),
    "changed arguments": (_changed(people=1), "trip", "calls", "was 2, is now 3"),
    "renamed function": (_changed(quoted=offer), "trip", "calls", "the step quote became the step offer"),
    "changed question": (_changed(where="And where to?"), "trip", "diverges", '"And where to?"'),
    "changed choices": (_changed(choices=("yes", "never")), "trip", "diverges", 'was "no", is now "never"'),
    "changed message": (_changed(welcome="Hello"), "trip", "diverges", 'was "Welcome", is now "Hello"'),
    "reordered questions": (application(_asks_later), "trip", "diverges", '"Where to?"'),
    "code that raises": (_changed(about="persons"), "trip", "fails", ""),
    "removed workflow": (_without_trip(), "trip", "gone", ""),
    "not durable any more": (application(durable=False), "trip", "unclear", ""),
    "renamed agent": (application(team=team(name="scout")), "team", "diverges", 'was "guide", is now "scout"'),
    "changed system message": (application(team=team(system_message="Be brief.")), "team", "calls", '"Be brief."'),
}
"""By what was changed: the application, the workflow that breaks, the verdict, and a part of its details."""


# --- what breaks nothing ----------------------------------------------------------------------------------------------


async def _awaited(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(sender="desk", body="Welcome")
    town = await ui.text_input(sender="desk", prompt="Where to?")
    price, car = await ui.step(quote, town, params["people"]), await ui.step(rent, town)
    await ui.text_message(sender="desk", body=f"{car}, {price} euros")
    answer = await ui.multiple_choice(sender="desk", prompt="Book it?", choices=["yes", "no"])
    return await ui.step(book, town, answer)


def _greet(ui: UI) -> str:
    ui.text_message(sender="desk", body="Welcome")
    return ui.text_input(sender="desk", prompt="Where to?")


def _refactored(ui: UI, params: dict[str, Any]) -> str:
    town = _greet(ui)
    car = ui.step(rent, town)
    price = ui.step(quote, town, params["people"])  # the order of steps may change: what counts is what is asked
    ui.text_message(sender="desk", body=f"{car}, {price} euros")
    answer = ui.multiple_choice(sender="desk", prompt="Book it?", choices=["yes", "no"])
    return ui.step(book, town, answer)


def _more_after_it(ui: UI, params: dict[str, Any]) -> str:
    done = trip(ui, params)
    ui.text_message(sender="desk", body=ui.step(rent, "another town"))
    return f"{done}, {ui.text_input(prompt='Anything else?')}"


def _with_another_one() -> Workflow:
    wf = application()
    wf.register("another", "One that nobody has begun")(trip)
    return wf


COMPATIBLE: dict[str, Workflow] = {
    "nothing": application(),
    "refactoring": application(_refactored),
    "async def": application(_awaited),
    "what comes later": application(_more_after_it),
    "another workflow": _with_another_one(),
}
