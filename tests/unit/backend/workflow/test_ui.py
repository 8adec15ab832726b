"""`ui`: what every method shows, in threads and on the loop, and what is said of wrong arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args, get_overloads, get_type_hints

import pytest
from fastagency_backend.engine.engine import Engine
from fastagency_backend.workflow import UI, AsyncUI, Choices
from fastagency_backend.workflow.build import Authored, build
from fastagency_backend.workflow.field import Texts
from fastagency_shared.messages import (
    Error,
    Message,
    MultipleChoice,
    SystemMessage,
    TextChunk,
    TextInput,
    TextMessage,
    WorkflowCompleted,
)
from fastagency_shared.run import RunStatus
from pydantic import JsonValue

from tests.fakes.lab import Lab, until

SHOWN: list[tuple[str, dict[str, Any]]] = [
    ("text_message", {"body": "**hello**"}),
    ("suggested_function_call", {"function_name": "add", "call_id": "c1", "arguments": {"a": 1}}),
    (
        "function_call_execution",
        {"function_name": "add", "call_id": "c1", "retval": [1, {"b": None}], "is_error": False},
    ),
    ("system_message", {"message": {"heading": "Handoff"}}),
    ("error", {"short": "It went wrong.", "long": "Very."}),
    ("keep_alive", {}),
]
ENVELOPE: dict[str, Any] = {"sender": "teacher", "recipient": "student", "auto_reply": True, "uuid": "ab" * 16}


@pytest.mark.parametrize("blocking", [True, False])
async def test_every_method_shows_its_message(lab: Lab, blocking: bool) -> None:
    def in_thread(ui: UI, params: dict[str, Any]) -> None:
        for name, content in SHOWN:
            assert getattr(ui, name)(**ENVELOPE, **content) is None

    async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> None:
        for name, content in SHOWN:
            assert await getattr(ui, name)(**ENVELOPE, **content) is None

    fn: Any = in_thread if blocking else on_loop
    lab.wf.register("flow", "d")(fn)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.completed(engine)
    shown = [message.wire() for message in (await lab.log(engine))[1:-1]]
    envelope = {**ENVELOPE, "workflow_uuid": f"{1:032x}"}
    assert shown == [{"type": name, **envelope, "content": content} for name, content in SHOWN]


@pytest.mark.parametrize("blocking", [True, False])
async def test_questions_return_their_answers(lab: Lab, blocking: bool) -> None:
    one: dict[str, Any] = {"prompt": "one?", "choices": ["a", "b"], "default": "a"}
    many: dict[str, Any] = {"prompt": "many?", "choices": ["a", "b", "c"], "single": False}
    got: list[Any] = []

    def in_thread(ui: UI, params: dict[str, Any]) -> None:
        got.extend([ui.text_input(prompt="text?"), ui.multiple_choice(**one), ui.multiple_choice(**many)])
        got.append(ui.process_message(TextInput(prompt="by hand?")))
        got.append(ui.process_message(TextMessage(body="shown")))

    async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> None:
        got.extend([await ui.text_input(prompt="text?"), await ui.multiple_choice(**one)])
        got.append(await ui.multiple_choice(**many))
        got.append(await ui.process_message(TextInput(prompt="by hand?")))
        got.append(await ui.process_message(TextMessage(body="shown")))

    fn: Any = in_thread if blocking else on_loop
    lab.wf.register("flow", "d")(fn)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    answers: list[str | list[str]] = ["maths", "b", ["c", "a"], "mine"]
    for answer in answers:
        await lab.answer(engine, answer)
    await lab.completed(engine)
    assert got == ["maths", "b", "a,c", "mine", None]
    assert isinstance(got[2], Choices)
    assert got[2].chosen == ["a", "c"]
    assert await lab.texts(engine) == ["shown"]


@pytest.mark.parametrize("blocking", [True, False])
async def test_steps_times_and_numbers(lab: Lab, blocking: bool) -> None:
    def double(number: int, *, plus: int = 0) -> int:
        return 2 * number + plus

    async def double_later(number: int, *, plus: int = 0) -> int:
        return 2 * number + plus

    got: list[Any] = []

    def in_thread(ui: UI, params: dict[str, Any]) -> None:
        got.extend([ui.step(double, 2, plus=1), ui.now(), ui.random(), ui.workflow_uuid])

    async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> None:
        assert await ui.step(double, 2, plus=1) == await ui.step(double_later, 2, plus=1)
        got.extend([await ui.step(double, 2, plus=1), await ui.now(), await ui.random(), ui.workflow_uuid])

    fn: Any = in_thread if blocking else on_loop
    lab.wf.register("flow", "d")(fn)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.completed(engine)
    value, now, random, workflow_uuid = got
    assert value == 5
    assert abs((datetime.now(UTC) - now).total_seconds()) < 3600
    assert 0 <= random < 1
    assert workflow_uuid == f"{1:032x}"


async def test_halves_of_characters_do_not_end_a_run(lab: Lab) -> None:
    """A model's output may be cut inside an emoji; JSON carries the half, but no text can be made of it."""

    @lab.wf.register("flow", "d")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        await ui.text_message(body="half \ud83d", sender="te\ude00acher")
        await ui.system_message(message={"a": ["\ud83d"]})
        assert await ui.step(lambda: "half \ud83d") == "half \ud83d"
        return await ui.text_input(prompt="half \ud83d")

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    await lab.stop(engine)
    engine = await lab.engine()
    await lab.answer(engine, "whole")
    assert await lab.completed(engine) == "whole"
    assert [message.type for message in await lab.log(engine)][1:4] == ["text_message", "system_message", "text_input"]
    assert await lab.texts(engine) == ["half ?"]


async def test_nul_does_not_end_a_run(lab: Lab) -> None:
    """Not every database keeps it in a text. What is JSON there keeps it; elsewhere something else takes its place."""

    @lab.wf.register("flow", "des\0cription")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        await ui.text_message(body="a\0b", sender="c\0d")
        assert await ui.step(lambda: "e\0f") == "e\0f"
        await ui.text_input(prompt="i\0j", sender="k\0l")
        return "m\0n"

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    assert (await lab.run(engine)).title == "des\N{REPLACEMENT CHARACTER}cription"
    log = await engine.store.load_log(f"{1:032x}")
    assert not [key for key in (*log.event_keys, *log.steps, *log.questions) if "\0" in key]
    await lab.stop(engine)
    engine = await lab.engine()
    await lab.answer(engine, "fine")
    assert await lab.completed(engine) == "m\N{REPLACEMENT CHARACTER}n"
    assert await lab.texts(engine) == ["a\0b"]


BY_HAND: list[tuple[Message, str]] = [
    (MultipleChoice(prompt="which?"), "MultipleChoice.choices: there must be at least one choice."),
    (MultipleChoice(choices=["a", "a"]), "MultipleChoice.choices: every choice must differ"),
    (MultipleChoice(choices=["a"], default="b"), "MultipleChoice.default: 'b' is not one of the choices"),
    (TextInput(uuid="q" * 101), "TextInput.uuid: it has 1 to 100 characters"),
    (TextInput(uuid="q\0"), "TextInput.uuid: it cannot have a NUL character"),
    (TextMessage.model_construct(body=5), "TextMessage.body: Input should be a valid string."),
    (WorkflowCompleted(result="not yet"), "ui.process_message cannot send WorkflowCompleted"),
    (TextChunk(delta="a"), "ui.process_message cannot send TextChunk"),
]


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize(("message", "says"), BY_HAND, ids=[type(message).__name__ for message, _ in BY_HAND])
async def test_a_message_built_by_hand_is_checked_like_any_other(
    lab: Lab, blocking: bool, message: Any, says: str
) -> None:
    """A question without choices was asked all the same, and nobody could ever answer it."""

    def in_thread(ui: UI, params: dict[str, Any]) -> str:
        with pytest.raises((TypeError, ValueError), match=re.escape(says)):
            ui.process_message(message)
        return "refused"

    async def on_loop(ui: AsyncUI, params: dict[str, Any]) -> str:
        with pytest.raises((TypeError, ValueError), match=re.escape(says)):
            await ui.process_message(message)
        return "refused"

    fn: Any = in_thread if blocking else on_loop
    lab.wf.register("flow", "d")(fn)
    engine = await lab.engine()
    await lab.start(engine, "flow")
    await until_moved(lab, engine)
    assert await lab.completed(engine) == "refused"
    assert [each.type for each in await lab.log(engine)] == ["workflow_started", "workflow_completed"]


async def until_moved(lab: Lab, engine: Engine) -> None:
    """Until the run has ended or waits: one that waits for ever is seen at once."""

    async def look() -> bool:
        return (await lab.run(engine)).status not in (RunStatus.READY, RunStatus.RUNNING)

    await until(look)
    assert (await lab.run(engine)).status is RunStatus.COMPLETED


async def test_the_log_numbers_what_was_built_by_hand(lab: Lab) -> None:
    @lab.wf.register("flow", "d")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        await ui.process_message(TextMessage(uuid="ab" * 16, sender="a", body="hello", seq=7, workflow_uuid="f" * 32))

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.completed(engine)
    shown = (await lab.log(engine))[1]
    assert (shown.uuid, shown.seq, shown.sender, shown.workflow_uuid) == ("ab" * 16, None, "a", f"{1:032x}")


METHODS: dict[str, type[Message]] = {cls.model_fields["type"].default: cls for cls in get_args(Authored)}
"""What has no method of its own is built by hand: reasoning, and the tokens of a call."""
WIDER = {list[str]: Texts, dict[str, JsonValue]: Mapping[str, Any], JsonValue: Any}


NOT_OF_THE_MESSAGE: dict[str, dict[str, Any]] = {
    "text_input": {"deadline_s": float | None, "default": str | None},
    "multiple_choice": {"deadline_s": float | None},
}


def keywords(method: Any) -> list[type]:
    """The typed keywords of a method: one set of them for each overload."""
    return [get_args(get_type_hints(each)["fields"])[0] for each in get_overloads(method) or [method]]


@pytest.mark.parametrize("ui", [UI, AsyncUI])
@pytest.mark.parametrize("name", METHODS.keys() - {"thought", "usage"})
def test_the_keywords_of_a_method_are_the_fields_of_its_message(ui: type, name: str) -> None:
    cls = METHODS[name]
    model, envelope = get_type_hints(cls), {"sender", "recipient", "auto_reply", "uuid"}
    for fields in keywords(getattr(ui, name)):
        types = get_type_hints(fields)
        for option, kind in NOT_OF_THE_MESSAGE.get(name, {}).items():
            assert types.pop(option) == kind
        assert types.keys() == envelope | set(cls.content_fields()) - cls.system_fields
        for field in types.keys() - {"uuid", "single"}:
            assert types[field] in (wide := WIDER.get(model[field], model[field]), wide | None)


def test_both_ui_have_the_same_methods() -> None:
    def public(cls: type) -> set[str]:
        return {name for name in dir(cls) if not name.startswith("_")}

    assert public(UI) - {"async_process"} == public(AsyncUI)


@pytest.mark.parametrize(
    ("cls", "fields", "error", "says"),
    [
        (
            TextMessage,
            {"text": "x"},
            TypeError,
            "TextMessage has no 'text'; it has: uuid, sender, recipient, auto_reply, body.",
        ),
        (TextMessage, {"bodi": 1, "sendr": 2}, TypeError, "has no 'bodi', 'sendr'"),
        (TextMessage, {"body": 5}, ValueError, "TextMessage.body: Input should be a valid string."),
        (SystemMessage, {"message": "x"}, ValueError, "SystemMessage.message: Input should be a valid dictionary"),
        (MultipleChoice, {"choices": []}, ValueError, "at least one choice"),
        (MultipleChoice, {}, ValueError, "at least one choice"),
        (MultipleChoice, {"choices": ["a", "a"]}, ValueError, "every choice must differ"),
        (MultipleChoice, {"choices": ["a"], "default": "b"}, ValueError, "'b' is not one of the choices ['a']"),
        (MultipleChoice, {"choices": "ab"}, ValueError, "MultipleChoice.choices"),
        (TextInput, {"suggestions": "ab"}, ValueError, "TextInput.suggestions"),
        (TextInput, {"uuid": "q" * 101}, ValueError, "TextInput.uuid"),
        (TextInput, {"uuid": ""}, ValueError, "TextInput.uuid"),
    ],
)
def test_wrong_arguments_get_a_sentence(
    cls: type[Message], fields: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=re.escape(says)) as raised:
        build(cls, "0" * 32, fields)
    assert str(raised.value).endswith(".")
    assert "pydantic" not in str(raised.value)


def test_none_falls_back_to_the_default() -> None:
    message = build(TextInput, "0" * 32, {"prompt": None, "uuid": None, "suggestions": None})
    assert message.suggestions == []
    assert len(message.uuid) == 32


def test_values_that_json_cannot_hold_become_text() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    message = build(SystemMessage, "0" * 32, {"message": {"at": datetime(2026, 1, 2, tzinfo=UTC), "what": Odd()}})
    assert message.message == {"at": "2026-01-02T00:00:00Z", "what": "odd"}
    assert build(Error, "0" * 32, {"short": "x"}).short == "x"


def test_choices_are_text_and_a_list() -> None:
    chosen = Choices(["a", "b, c"])
    assert chosen == "a,b, c"
    assert chosen.split(",")[0] == "a"
    assert chosen.chosen == ["a", "b, c"]
    assert Choices([]) == ""
