"""Workflows of the end-to-end tests: the gallery of the demo, and small ones that each put the page to one test."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from fastagency_backend.demo.gallery import gallery
from fastagency_backend.engine.context import current_run
from fastagency_backend.workflow import UI, AsyncUI, Workflow
from fastagency_shared.messages import TextChunk

wf = Workflow()

wf.register(name="gallery", description="Every kind of message and question, once.")(gallery)


@wf.register(name="greeter", description="Asks for your name, again and again, until you say stop.")
def greeter(ui: UI, params: dict[str, Any]) -> str:
    names: list[str] = []
    while (name := ui.text_input(sender="host", prompt="What is your name?", suggestions=["stop"])) != "stop":
        names.append(name)
        ui.text_message(sender="host", body=f"Hello, **{name}**!")
    return f"Met {len(names)}: {', '.join(names)}"


@wf.register(name="relay", description="Asks for text, then for a choice, then for text again.")
def relay(ui: UI, params: dict[str, Any]) -> str:
    first = ui.text_input(sender="host", prompt="Who starts?")
    way = ui.multiple_choice(sender="host", prompt="Which way?", choices=["left", "right"])
    last = ui.text_input(sender="host", prompt="Who ends? Leave it empty for nobody.")
    return f"From {first} {way} to {last or 'nobody'}"


@wf.register(name="counter", description="Writes 250 messages at once.")
async def counter(ui: AsyncUI, params: dict[str, Any]) -> str:
    for number in range(1, 251):
        await ui.text_message(sender="counter", body=f"Message {number}")
    return "Counted to 250."


failed_once: set[str] = set()


@wf.register(name="unlucky", description="Asks, pays, and fails at the first attempt.")
def unlucky(ui: UI, params: dict[str, Any]) -> str:
    run = current_run()
    assert run is not None, "a workflow is always inside its run"
    name = ui.text_input(sender="cashier", prompt="Who pays?")
    receipt = ui.step(lambda: f"receipt {uuid.uuid4().hex[:8]}")
    ui.text_message(sender="cashier", body=f"{name} has {receipt}")
    if run.id not in failed_once:
        failed_once.add(run.id)
        raise RuntimeError("the printer is on fire")
    return f"{name} paid: {receipt}"


@wf.register(name="worker", description="Works until it is stopped.")
async def worker(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(sender="worker", body="This takes a while.")
    await asyncio.sleep(3600)
    return "never"


@wf.register(name="typist", description="Writes one long sentence until you say yes.")
async def typist(ui: AsyncUI, params: dict[str, Any]) -> str:
    run = current_run()
    assert run is not None, "a workflow is always inside its run"
    asked = asyncio.create_task(ui.text_input(sender="editor", prompt="Shall I stop?", suggestions=["yes"]))
    while not asked.done():
        run.chunk(TextChunk(sender="typist", stream="sentence", delta="**forty-"))
        run.chunk(TextChunk(sender="typist", stream="sentence", delta="two** "))
        await asyncio.sleep(0.2)
    await ui.text_message(sender="typist", body="The answer is **forty-two**.")
    return "Written."


@wf.register(name="novelist", description="Writes a long text until you say that it is enough.")
async def novelist(ui: AsyncUI, params: dict[str, Any]) -> str:
    run = current_run()
    assert run is not None, "a workflow is always inside its run"
    pages = [f"Paragraph {number}: {'word ' * 60}\n\n" for number in range(1, 31)]
    for text in pages:
        run.chunk(TextChunk(sender="novelist", stream="novel", delta=text))
    await ui.text_input(sender="editor", prompt="Is it enough?", suggestions=["yes"])
    await ui.text_message(sender="novelist", body="".join(pages[:15]))
    await ui.text_message(sender="novelist", body="The end.")
    await ui.text_input(sender="editor", prompt="Another one?")
    return ""


WIDE_TABLE = """| Product | Price per unit and month | Availability in the region | Responsible department |
|---|---|---|---|
| Internationalisation | 1,299.00 | immediately | Procurement |
| Telecommunications | 2,499.00 | immediately | Administration |"""


@wf.register(name="librarian", description="Shows tables, code and calls, and waits.")
async def librarian(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.suggested_function_call(sender="librarian", function_name="look_up", call_id="1", arguments={"a": 1})
    await ui.text_message(sender="librarian", body=f"{WIDE_TABLE}\n\n```python\nprint('copied')\n```")
    await ui.text_message(sender="كاتب", body="مرحبا بكم في المكتبة. هذا نص من اليمين إلى اليسار مع `code` فيه.")
    await ui.text_message(sender="librarian", body="x" * 400)
    await ui.text_input(sender="librarian", prompt="Enough?")
    return ""


@wf.register(name="archivist", description="Calls a function, talks a lot, and then has the result.")
async def archivist(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.suggested_function_call(sender="archivist", function_name="dig", call_id="1")
    for number in range(100):
        await ui.text_message(sender="archivist", body=f"Message {number}")
    await ui.function_call_execution(sender="archivist", function_name="dig", call_id="1", retval="bones")
    return "Dug."


@wf.register(name="pair", description="Two experts who both want text.")
async def pair(ui: AsyncUI, params: dict[str, Any]) -> str:
    city, name = await asyncio.gather(
        ui.text_input(sender="geographer", prompt="Which city?"), ui.text_input(sender="clerk", prompt="Which name?")
    )
    return f"{name} in {city}"


@wf.register(name="panel", description="Two experts who ask at the same time.")
async def panel(ui: AsyncUI, params: dict[str, Any]) -> str:
    city, size = await asyncio.gather(
        ui.text_input(sender="geographer", prompt="Which city?"),
        ui.multiple_choice(
            sender="tailor",
            prompt="Which size?",
            choices=[f"Size {number}" for number in range(30, 48)],
            default="Size 38",
        ),
    )
    return f"{city} in {size}"


@wf.register(name="hostile", description="An agent that tries to break out of its bubble.")
async def hostile(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(
        sender="<img src=x onerror=window.broken=1>",
        body="<script>window.broken=1</script>\n\n[click](javascript:window.broken=1)\n\n"
        "![pixel](http://outside.example/pixel.png)\n\n<img src=x onerror=window.broken=1>",
    )
    return "<b onclick=window.broken=1>done</b>"
