"""The settings of the frontend come from the environment, and a bad one is named."""

import pytest
from fastagency_frontend.settings import FrontendSettings, load_settings
from fastagency_shared.errors import InvalidSettings


def test_every_setting_is_described() -> None:
    assert [name for name, field in FrontendSettings.model_fields.items() if not field.description] == []


def test_defaults_fit_a_laptop() -> None:
    settings = FrontendSettings()
    assert (settings.backend_url, settings.frontend_host, settings.frontend_port) == (
        "http://127.0.0.1:8008",
        "127.0.0.1",
        8888,
    )
    assert settings.forward_headers == ["authorization"]


def test_they_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_BACKEND_URL", "https://agents.example/api")
    monkeypatch.setenv("FASTAGENCY_FRONTEND_PORT", "9000")
    monkeypatch.setenv("FASTAGENCY_FORWARD_HEADERS", "Authorization, X-Forwarded-User,")
    settings = load_settings()
    assert (settings.backend_url, settings.frontend_port) == ("https://agents.example/api", 9000)
    assert settings.forward_headers == ["authorization", "x-forwarded-user"]


def test_a_bad_value_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENCY_FRONTEND_PORT", "many")
    with pytest.raises(InvalidSettings, match=r"FASTAGENCY_FRONTEND_PORT: .*integer"):
        load_settings()
