from __future__ import annotations

from typing import Any

import pytest
from fastagency_backend.frameworks.classic.model import llm_config
from fastagency_backend.frameworks.classic.offline import OfflineModelClient
from fastagency_backend.frameworks.model_settings import ModelNotUsable, ModelSettings
from fastagency_backend.frameworks.offline import MARK
from pydantic import SecretStr

NOTHING: dict[str, Any] = {"name": None, "base_url": None, "api_key": None, "config": None}


def settings(**values: Any) -> ModelSettings:
    return ModelSettings(_env_file=None, **{**NOTHING, **values})


def entry(**values: Any) -> Any:
    return llm_config(settings(**values)).config_list[0]


def test_a_key_means_openai() -> None:
    config = entry(api_key=SecretStr("sk-1"))
    assert (config.model, config.api_key.get_secret_value(), config.base_url) == ("gpt-4o-mini", "sk-1", None)


def test_a_server_of_ones_own_needs_no_key() -> None:
    config = entry(name="llama", base_url="http://localhost:1/v1")
    assert (config.model, str(config.base_url)) == ("llama", "http://localhost:1/v1")


def test_options_are_passed_on() -> None:
    assert llm_config(settings(api_key=SecretStr("sk-1")), temperature=0.5).config_list[0].temperature == 0.5


@pytest.mark.parametrize(("values", "named"), [({"name": "gpt"}, "API_KEY"), ({"config": "{}"}, "MODEL_CONFIG")])
def test_wrong_settings_are_told_in_words(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ModelNotUsable, match=named):
        llm_config(settings(**values))


def test_nothing_set_means_the_offline_model(caplog: pytest.LogCaptureFixture) -> None:
    assert entry().model_client_cls == "OfflineModelClient"
    assert "offline" in caplog.text


def reply(*messages: dict[str, Any], **params: Any) -> Any:
    client = OfflineModelClient({})
    response = client.create({"messages": list(messages), **params})
    usage = client.get_usage(response)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    return client.message_retrieval(response)[0]


TEACHER = {"role": "system", "content": "You are a teacher."}
ASKED = {"role": "user", "content": "Teach me about triangles.", "name": "student"}


def test_the_first_reply_says_what_it_is() -> None:
    first = reply(TEACHER, ASKED)
    assert first.startswith(MARK)
    assert "triangles" in first
    assert first == reply(TEACHER, ASKED)
    assert not reply(TEACHER, ASKED, {"role": "assistant", "content": first}, ASKED).startswith(MARK)


def test_a_summary_names_the_beginning() -> None:
    assert "Teach me about triangles." in reply(TEACHER, ASKED, {"role": "system", "content": "Summarize."})


def test_a_function_that_fits_is_called() -> None:
    parameters = {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}
    tool = {
        "type": "function",
        "function": {"name": "convert", "description": "Convert an amount", "parameters": parameters},
    }
    message = reply(TEACHER, {"role": "user", "content": "Convert the amount 12"}, tools=[tool])
    assert message.tool_calls[0].function.name == "convert"
    assert "12" in message.tool_calls[0].function.arguments
