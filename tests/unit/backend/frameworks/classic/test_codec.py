from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from autogen.agentchat.group import AgentTarget, ContextVariables, ReplyResult
from autogen.coding.base import CodeResult
from autogen.llm_clients.models import TextContent, UnifiedMessage, UnifiedResponse
from fastagency_backend.frameworks.classic.codec import Unrecordable, decode, encode, fingerprint
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["$model", "$dict", "state"]), inner),
)


def there_and_back(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value))))


def completion() -> ChatCompletion:
    call = {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": '{"word": "sea"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"}
    return ChatCompletion.model_validate(
        {
            "id": "x",
            "created": 1,
            "model": "m",
            "object": "chat.completion",
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        }
    )


class Inner:
    class Nested(BaseModel):
        n: int


@given(JSON)
def test_json_comes_back_as_it_was(value: Any) -> None:
    assert there_and_back(value) == value


def test_a_completion_comes_back_whole() -> None:
    before = completion()
    before.cost = 0.5  # type: ignore[attr-defined]
    after = there_and_back(before)
    assert type(after) is ChatCompletion
    assert after == before
    assert after.cost == 0.5
    assert after.choices[0].message.tool_calls[0].function.name == "lookup"
    assert after.choices[0].message.reasoning_content == "hm"
    assert after.model_dump() == before.model_dump()


@pytest.mark.parametrize(
    "value",
    [
        ReplyResult(message="done", target=AgentTarget.model_construct(agent_name="b"), context_variables=None),
        ReplyResult(message="done", context_variables=ContextVariables(data={"seen": ["a", 1]})),
        CodeResult(exit_code=1, output="no"),
        UnifiedResponse(
            id="r",
            model="m",
            provider="p",
            messages=[UnifiedMessage(role="assistant", content=[TextContent(type="text", text="hello")])],
        ),
        SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content="hi"))], model="m"),
        Inner.Nested(n=1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_of_the_framework_come_back_with_their_classes(value: Any) -> None:
    after = there_and_back(value)
    assert type(after) is type(value)
    assert after == value


def test_subclasses_inside_a_model_keep_their_class() -> None:
    response = UnifiedResponse(
        id="r",
        model="m",
        provider="p",
        messages=[UnifiedMessage(role="assistant", content=[TextContent(type="text", text="hello")])],
    )
    assert type(there_and_back(response).messages[0].content[0]) is TextContent


@pytest.mark.parametrize("value", [object(), {1: 2}, (1, 2), {"a": b"x"}, [{1}], len])
def test_what_cannot_travel_is_refused(value: Any) -> None:
    with pytest.raises(Unrecordable):
        encode(value)


def test_a_class_that_cannot_be_found_again_is_refused() -> None:
    class Local(BaseModel):
        n: int = 1

    with pytest.raises(Unrecordable, match="Local"):
        encode(Local())


@pytest.mark.parametrize("path", ["os:system", "builtins:dict", "no_such_module:X", "pydantic:NoSuch"])
def test_only_pydantic_models_are_looked_up(path: str) -> None:
    state = {"fields": {}, "extra": None, "set": [], "private": None}
    with pytest.raises(Unrecordable):
        decode({"$model": path, "state": state})  # type: ignore[dict-item]


def test_a_fingerprint_has_no_addresses() -> None:
    class Format(BaseModel):
        n: int

    def function() -> None: ...

    asked = {"response_format": Format, "object": object(), "function": function, "messages": ({"role": "user"},)}
    again = {"response_format": Format, "object": object(), "function": function, "messages": [{"role": "user"}]}
    assert fingerprint(asked) == fingerprint(again)
    assert "0x" not in json.dumps(fingerprint(asked))
