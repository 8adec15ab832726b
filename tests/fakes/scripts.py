"""Scripts for the fake provider: a gallery of every message type, and small ones that each show one thing."""

from __future__ import annotations

from fastagency_shared.messages import (
    Error,
    FunctionCallExecution,
    KeepAlive,
    MultipleChoice,
    SuggestedFunctionCall,
    SystemMessage,
    TextChunk,
    TextInput,
    TextMessage,
    Thought,
    Usage,
    new_uuid,
)

from tests.fakes.provider import FakeProvider, FakeRun, FakeWorkflow

LESSON = """Here is what a **cell membrane** does:

1. It keeps the inside *in*
2. It decides what may pass

| part | role |
|---|---|
| phospholipids | the double layer |
| channels | let ions through |

```python
def permeable(molecule: str) -> bool:
    \"\"\"Say whether a molecule can cross by itself.\"\"\"
    return molecule in {"O2", "CO2"}  # small and not charged
```

> See also [diffusion](https://example.org/diffusion) and `osmosis`.
"""


def gallery(run: FakeRun, pace: float = 0.05) -> str:
    """Show every message type once, questions included."""
    run.emit(TextMessage(sender="teacher", recipient="student", body=LESSON))
    run.emit(Thought(sender="teacher", body="The student may not know *osmosis* yet. I should look it up first."))
    run.emit(
        SuggestedFunctionCall(
            sender="teacher", function_name="look_up", call_id="call_1", arguments={"term": "osmosis", "depth": 2}
        )
    )
    run.pause(pace)
    run.emit(
        FunctionCallExecution(
            sender="library", function_name="look_up", call_id="call_1", retval='{"pages": [12, 40], "found": true}'
        )
    )
    run.emit(Usage(sender="teacher", model="demo-model", prompt_tokens=1204, completion_tokens=56))
    run.emit(KeepAlive())
    stream_text(run, "student", "I **understand** the membrane now, thank you. May I ask about the nucleus?", pace)
    run.emit(SystemMessage(message={"heading": "Handoff", "body": "The teacher hands over to the examiner."}))
    topic = run.ask(
        TextInput(
            sender="examiner", prompt="Which **topic** should the quiz be about?", suggestions=["Cells", "Plants"]
        )
    )
    run.ask(TextInput(sender="examiner", prompt="What is the password of the class room?", password=True))
    level = run.ask(
        MultipleChoice(
            sender="examiner", prompt="How hard may it be?", choices=["Easy", "Normal", "Hard"], default="Normal"
        )
    )
    parts = run.ask(
        MultipleChoice(
            sender="examiner",
            prompt="Which parts do you want?",
            choices=["Summary", "Pictures", "Exercises"],
            single=False,
        )
    )
    run.emit(Error(sender="printer", short="The printer is out of paper.", long="PrinterError: tray 2\n  at page 3"))
    run.emit(TextMessage(sender="examiner", recipient="student", body=f"A *{level}* quiz about **{topic}**: {parts}."))
    return f"A quiz about {topic} is ready."


def stream_text(run: FakeRun, sender: str, text: str, pace: float) -> None:
    """Send a text in chunks, then as the message that replaces them."""
    stream = new_uuid()
    for word in text.split(" "):
        run.chunk(TextChunk(sender=sender, stream=stream, delta=f"{word} "))
        run.pause(pace)
    run.emit(TextMessage(sender=sender, body=text))


def ask_name(run: FakeRun) -> str:
    name = run.ask(TextInput(sender="host", prompt="What is your name?", suggestions=["Ada", "Alan"]))
    run.emit(TextMessage(sender="host", body=f"Hello, {name}!"))
    return f"Met {name}"


def many_choices(run: FakeRun) -> str:
    choices = [f"Chapter {number}" for number in range(1, 9)]
    chosen = run.ask(
        MultipleChoice(sender="host", prompt="Where shall we start?", choices=choices, default="Chapter 2")
    )
    return f"Started with {chosen}"


def long_log(run: FakeRun) -> str:
    for number in range(1, 301):
        run.emit(TextMessage(sender="counter", body=f"Message **{number}**"))
    return "counted"


def endless(run: FakeRun) -> str:
    run.emit(TextMessage(sender="worker", body="This takes for ever."))
    run.pause(3600)
    return "never"


def broken(run: FakeRun) -> str:
    run.emit(TextMessage(sender="worker", body="About to fail."))
    raise Fault


class Fault(Exception):
    """What the broken script raises."""


def demo_provider() -> FakeProvider:
    """A provider with all of the scripts above."""
    return FakeProvider(DEMO)


DEMO = {
    "gallery": FakeWorkflow("Shows every kind of message and question once.", gallery),
    "ask_name": FakeWorkflow("Asks for your name and greets you.", ask_name),
    "many_choices": FakeWorkflow("Asks you to choose one of many.", many_choices),
    "long_log": FakeWorkflow("Writes 300 messages at once.", long_log),
    "endless": FakeWorkflow("Works until it is stopped.", endless),
    "broken": FakeWorkflow("Fails on purpose.", broken),
}
