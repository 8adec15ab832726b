"""What watches an engine: metrics for Prometheus, traces for OpenTelemetry. Off unless the settings say otherwise.

Only this package imports their libraries, each module its own, and only when it is asked for.
"""

from __future__ import annotations

from fastagency_backend.engine.observer import NOBODY, Observer, Several
from fastagency_backend.settings import BackendSettings


def observer_for(settings: BackendSettings) -> Observer:
    """The observer that the settings ask for.

    Raises:
        ImportError: it needs an extra that is not installed.
    """
    observers: list[Observer] = []
    if settings.metrics_path is not None or settings.metrics_port is not None:
        from fastagency_backend.observe.metrics import Metrics

        observers.append(Metrics(settings.metrics_host, settings.metrics_port))
    if settings.traces:
        from fastagency_backend.observe.traces import Traces

        observers.append(Traces(content=settings.traces_content))
    return Several(observers) if len(observers) > 1 else observers[0] if observers else NOBODY


def exposition(observer: Observer) -> tuple[bytes, str]:
    """What Prometheus reads, and its content type. Blocking: for a thread beside the loop."""
    from fastagency_backend.observe.metrics import Metrics

    observers = observer.observers if isinstance(observer, Several) else [observer]
    (metrics,) = [each for each in observers if isinstance(each, Metrics)]
    return metrics.exposition()
