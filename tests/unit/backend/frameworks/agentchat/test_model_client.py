"""From settings to a model client, or to one sentence that says what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from autogen_core.models import UserMessage
from autogen_ext.models.openai import OpenAIChatCompletionClient
from fastagency_backend.frameworks.agentchat.model import model_client
from fastagency_backend.frameworks.agentchat.offline import OfflineModel
from fastagency_backend.frameworks.model_settings import ModelNotUsable, ModelSettings, read_settings

from tests.fakes.openai_server import OpenAIServer


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for field in ModelSettings.model_fields:
        monkeypatch.delenv(f"FASTAGENCY_MODEL_{field.upper()}", raising=False)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


def test_nothing_set_means_the_offline_model_and_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(model_client(), OfflineModel)
    assert "offline demo model" in caplog.text


async def test_an_openai_compatible_server_is_asked_by_url_name_and_key(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTAGENCY_MODEL_BASE_URL", server.base_url)
    monkeypatch.setenv("FASTAGENCY_MODEL_NAME", "house-model")
    server.behaviour.answers.append("hello")

    client = model_client()
    result = await client.create([UserMessage(content="hi", source="user")])
    await client.close()

    assert result.content == "hello"
    assert server.calls[0]["model"] == "house-model"
    assert client.model_info["function_calling"]
    assert not client.model_info["vision"]


def test_the_usual_variables_of_openai_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-1")
    client = model_client()
    assert isinstance(client, OpenAIChatCompletionClient)
    assert client.dump_component().config["model"] == "gpt-4o-mini"

    monkeypatch.setenv("FASTAGENCY_MODEL_API_KEY", "secret-2")
    key = read_settings().api_key
    assert key is not None
    assert key.get_secret_value() == "secret-2"


def test_abilities_can_be_set_for_known_and_unknown_models() -> None:
    unknown = model_client(ModelSettings(name="x", base_url="http://localhost:1/v1", vision=True))
    known = model_client(ModelSettings(name="gpt-4o", api_key="k", json_output=False))

    assert unknown.model_info["vision"]
    assert unknown.model_info["function_calling"]
    assert not known.model_info["json_output"]
    assert known.model_info["vision"]


def test_autogens_own_configuration_is_loaded_from_text_and_from_a_file(tmp_path: Path) -> None:
    config = OfflineModel(word_delay_s=0.5).dump_component().model_dump_json()
    (tmp_path / "model.json").write_text(config)

    for value in (config, str(tmp_path / "model.json")):
        client = model_client(ModelSettings(config=value))
        assert isinstance(client, OfflineModel)
        assert client.dump_component().config == {"word_delay_s": 0.5}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"name": "gpt-4o"}, "needs FASTAGENCY_MODEL_API_KEY"),
        ({"base_url": "http://localhost:1/v1"}, "FASTAGENCY_MODEL_NAME is not set"),
        ({"base_url": "localhost:1", "name": "x"}, "must begin with http"),
        ({"config": "{nonsense"}, "it is not JSON"),
        ({"config": "/no/such/file.json"}, "cannot be read"),
        ({"config": json.dumps({"provider": "no.such.Client", "config": {}})}, "it needs the package 'no'"),
        ({"config": json.dumps({"config": {}})}, "provider: Field required"),
        ({"config": json.dumps({"provider": "builtins.int", "config": {}})}, "cannot be used"),
    ],
)
def test_a_wrong_setting_gets_one_sentence(settings: dict[str, str], sentence: str) -> None:
    with pytest.raises(ModelNotUsable) as refusal:
        model_client(ModelSettings(**settings))  # type: ignore[arg-type]

    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_value_that_does_not_fit_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_MODEL_TIMEOUT_S", "soon")
    with pytest.raises(ModelNotUsable, match="FASTAGENCY_MODEL_TIMEOUT_S does not fit"):
        read_settings()


def test_settings_are_read_again_when_they_change_and_only_then(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert read_settings() is read_settings()

    monkeypatch.setenv("FASTAGENCY_MODEL_NAME", "of the environment")
    assert read_settings().name == "of the environment"
    monkeypatch.delenv("FASTAGENCY_MODEL_NAME")
    (tmp_path / ".env").write_text("FASTAGENCY_MODEL_NAME=of the file\n")
    assert read_settings().name == "of the file"
    (tmp_path / ".env").write_text("FASTAGENCY_MODEL_NAME=of the file, changed\n")
    assert read_settings().name == "of the file, changed"
    (tmp_path / ".env").unlink()
    assert read_settings().name is None


def test_a_key_is_never_in_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "provider": "autogen_ext.models.openai.OpenAIChatCompletionClient",
        "config": {"model": ["gpt-4o"], "api_key": "secret-3"},
    }
    with pytest.raises(ModelNotUsable) as refusal:
        model_client(ModelSettings(config=json.dumps(config)))
    assert "secret-3" not in str(refusal.value)
