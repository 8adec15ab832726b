"""Which observers the settings ask for, and where the spans go."""

from __future__ import annotations

import sys

import pytest
from fastagency_backend.engine.observer import NOBODY, Several
from fastagency_backend.observe import observer_for
from fastagency_backend.observe.metrics import Metrics
from fastagency_backend.observe.traces import Traces
from fastagency_backend.settings import BackendSettings
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider


def test_nobody_observes_unless_it_is_asked_for() -> None:
    assert observer_for(BackendSettings()) is NOBODY


def test_metrics_traces_or_both() -> None:
    assert isinstance(observer_for(BackendSettings(metrics_path="/metrics")), Metrics)
    assert isinstance(observer_for(BackendSettings(traces=True)), Traces)
    both = observer_for(BackendSettings(metrics_port=9464, traces=True))
    assert isinstance(both, Several)
    assert [type(each) for each in both.observers] == [Metrics, Traces]
    assert both.agents


def test_an_applications_own_tracer_provider_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    own = TracerProvider()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: own)
    asked: list[str] = []
    monkeypatch.setattr(own, "get_tracer", lambda name: asked.append(name))
    observer_for(BackendSettings(traces=True))
    assert asked == ["fastagency"]


@pytest.mark.parametrize(
    ("module", "package", "options", "extra"),
    [
        ("metrics", "prometheus_client", {"metrics_port": 9464}, "metrics"),
        ("traces", "opentelemetry.sdk.trace", {"traces": True}, "otel"),
    ],
)
def test_a_missing_extra_is_a_sentence(
    module: str, package: str, options: dict[str, object], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"fastagency_backend.observe.{module}")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'needs the "{extra}" extra'):
        observer_for(BackendSettings.model_validate(options))
