"""`ui` to a type checker: the results have their types, and each mistake is one that mypy names.

`.ci/check` holds it to both: an `assert_type` that is wrong is an error, and so is a `type: ignore` with nothing to
ignore, which is what a mistake becomes that mypy no longer sees.
"""

from __future__ import annotations

from typing import Any, assert_type

from autogen_core.models import ChatCompletionClient
from fastagency_backend.workflow import Choices

from fastagency import UI, AsyncUI, Workflow
from fastagency.messages import MultipleChoice, TextChunk, TextMessage, WorkflowCompleted

wf = Workflow()


def book(course: str, *, seats: int = 1) -> list[int]:
    return list(range(seats))


async def book_later(course: str, *, seats: int = 1) -> list[int]:
    return book(course, seats=seats)


@wf.register(name="blocking", description="Everything that a `def` can do")
def blocking(ui: UI, params: dict[str, Any]) -> str:
    ui.text_message(sender="Kitchen", recipient=None, auto_reply=True, uuid="1", body="Soup")
    ui.suggested_function_call(function_name="book", call_id="1", arguments={"course": "soup"})
    ui.function_call_execution(function_name="book", call_id="1", retval=[1])
    ui.system_message(message={"heading": "Closed", "until": 14})
    ui.error(short="It is late.", long=None)
    ui.keep_alive(sender="Kitchen")
    assert_type(ui.text_input(prompt="Who?", suggestions=["me"], password=False), str)
    assert_type(ui.text_input(suggestions=("me", "you")), str)
    assert_type(ui.multiple_choice(choices=["a", "b"], default="a"), str)
    assert_type(ui.multiple_choice(choices=["a", "b"], single=bool(params)), str)
    assert_type(ui.multiple_choice(choices=["a", "b"], single=False), Choices)
    assert_type(ui.multiple_choice(choices=["a", "b"], single=False).chosen, list[str])
    assert_type(ui.process_message(MultipleChoice(choices=["a"])), str | None)
    assert_type(ui.step(book, "soup", seats=2), list[int])
    assert_type(ui.step(lambda: 1.5), float)
    assert_type(ui.step(book, "soup", retries=3, backoff=0.5, timeout_s=10), list[int])
    assert_type(ui.model_client(), ChatCompletionClient)
    assert_type(ui.record(wf.model_client()), ChatCompletionClient)

    ui.record("gpt-4o")  # type: ignore[arg-type]
    ui.text_message(text="Soup")  # type: ignore[call-arg]
    ui.text_message(body=5)  # type: ignore[arg-type]
    ui.text_message(seq=1)  # type: ignore[call-arg]
    ui.suggested_function_call(arguments=["soup"])  # type: ignore[arg-type]
    ui.function_call_execution(result=1)  # type: ignore[call-arg]
    ui.system_message(message="Closed")  # type: ignore[arg-type]
    ui.error(message="late")  # type: ignore[call-arg]
    ui.keep_alive(body="here")  # type: ignore[call-arg]
    ui.text_input(suggestions="me")  # type: ignore[arg-type]
    ui.text_input(question="Who?")  # type: ignore[call-arg]
    ui.multiple_choice(prompt="Which?")  # type: ignore[call-overload]
    ui.multiple_choice(choices="ab")  # type: ignore[call-overload]
    ui.multiple_choice(choices=["a"], many=True)  # type: ignore[call-overload]
    ui.process_message(WorkflowCompleted())  # type: ignore[arg-type]
    ui.process_message(TextChunk())  # type: ignore[arg-type]
    ui.step(book)  # type: ignore[call-overload]
    ui.step(book, 5)  # type: ignore[call-overload]
    ui.step(book, 5, retries=2)  # type: ignore[arg-type, call-arg]
    ui.step(book, "soup", tries=2)  # type: ignore[call-arg]
    ui.step(book, "soup", places=2)  # type: ignore[call-arg]
    return ""


@wf.register(name="awaited", description="Everything that an `async def` can do")
async def awaited(ui: AsyncUI, params: dict[str, Any]) -> str:
    await ui.text_message(sender="Kitchen", recipient=None, auto_reply=True, uuid="1", body="Soup")
    await ui.suggested_function_call(function_name="book", call_id="1", arguments={"course": "soup"})
    await ui.function_call_execution(function_name="book", call_id="1", retval=[1])
    await ui.system_message(message={"heading": "Closed", "until": 14})
    await ui.error(short="It is late.", long=None)
    await ui.keep_alive(sender="Kitchen")
    assert_type(await ui.text_input(prompt="Who?", suggestions=["me"], password=False), str)
    assert_type(await ui.multiple_choice(choices=["a", "b"], default="a"), str)
    assert_type(await ui.multiple_choice(choices=["a", "b"], single=False), Choices)
    assert_type(await ui.process_message(TextMessage(body="Soup")), str | None)
    assert_type(await ui.step(book, "soup", seats=2), list[int])
    assert_type(await ui.step(book_later, "soup", seats=2), list[int])
    assert_type(await ui.step(book_later, "soup", retries=3, backoff=0.5, timeout_s=10), list[int])
    assert_type(await ui.step(book, "soup", retries=3), list[int])

    await ui.text_message(text="Soup")  # type: ignore[call-arg]
    await ui.text_message(body=5)  # type: ignore[arg-type]
    await ui.suggested_function_call(arguments=["soup"])  # type: ignore[arg-type]
    await ui.function_call_execution(result=1)  # type: ignore[call-arg]
    await ui.system_message(message="Closed")  # type: ignore[arg-type]
    await ui.error(message="late")  # type: ignore[call-arg]
    await ui.keep_alive(body="here")  # type: ignore[call-arg]
    await ui.text_input(suggestions="me")  # type: ignore[arg-type]
    await ui.multiple_choice(choices="ab")  # type: ignore[call-overload]
    await ui.process_message(WorkflowCompleted())  # type: ignore[arg-type]
    await ui.step(book, 5)  # type: ignore[call-overload]
    await ui.step(book_later, 5, retries=2)  # type: ignore[arg-type, call-arg]
    await ui.step(book_later, "soup", retries="2")  # type: ignore[call-arg]
    await ui.step(book, "soup", timeout_s=5)  # type: ignore[arg-type, call-arg]
    await ui.step(book_later, "soup", places=2)  # type: ignore[call-arg]
    return ""
