"""Spans for OpenTelemetry: each time through a workflow, with its agents' turns, and calls of models and tools below.

A run that is parked and comes back is a trace for each time, found together by `gen_ai.conversation.id`, the run's id:
a conversation may take weeks. What was said is left out unless the settings ask for it; then errors are told whole too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from fastagency_shared.extras import extra

with extra("otel", needed_by="FASTAGENCY_TRACES"):
    from opentelemetry import trace
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from fastagency_backend.engine.observer import Call, Content, Observer, Seen
from fastagency_backend.observe import genai
from fastagency_backend.store.base import RunRecord

Attributes = dict[str, str | int | bool]


class Traces(Observer):
    """Makes spans. `provider`: in the place of the application's own, or of one that sends to a collector."""

    agents = True

    def __init__(self, *, content: bool = False, provider: TracerProvider | None = None) -> None:
        self._content = content
        self._tracer: Tracer = (provider or _provider()).get_tracer("fastagency")
        self._turns: dict[tuple[str, str], Span] = {}

    @contextmanager
    def segment(self, record: RunRecord, *, fresh: bool) -> Iterator[None]:
        attributes = _of(record, genai.INVOKE_WORKFLOW) | {genai.WORKFLOW: record.workflow, genai.RESUMED: not fresh}
        span = self._tracer.start_span(f"{genai.INVOKE_WORKFLOW} {record.workflow}", attributes=attributes)
        with self._ended(span), _current(span):
            yield

    @contextmanager
    def agent(self, record: RunRecord, name: str) -> Iterator[None]:
        attributes = _of(record, genai.INVOKE_AGENT) | {genai.AGENT: name}
        span = self._tracer.start_span(f"{genai.INVOKE_AGENT} {name}", attributes=attributes)
        # Its calls find it by its name: the turns of agents are drawn from generators, and those keep no context.
        turn = record.id, name
        outer, self._turns[turn] = self._turns.get(turn), span
        try:
            with self._ended(span):
                yield
        finally:
            if outer is None:
                del self._turns[turn]
            else:
                self._turns[turn] = outer

    @contextmanager
    def call(self, record: RunRecord, call: Call) -> Iterator[Seen]:
        operation, kind = (
            (genai.CHAT, SpanKind.CLIENT) if call.kind == "chat" else (genai.EXECUTE_TOOL, SpanKind.INTERNAL)
        )
        turn = self._turns.get((record.id, call.agent))
        context = trace.set_span_in_context(turn) if turn is not None else None
        attributes = _of(record, operation) | _about(call)
        span = self._tracer.start_span(f"{operation} {call.name}", context, kind, attributes)
        # A stream's span is not made the current one: between two pieces, others' code runs in its context.
        with self._ended(span), nullcontext() if call.streamed else _current(span):
            yield _Traced(span, call, content=self._content)

    @contextmanager
    def _ended(self, span: Span) -> Iterator[None]:
        """End the span, and say of it what was raised; what ends a run from outside is no error."""
        try:
            yield
        except Exception as error:
            span.set_attribute(genai.ERROR_TYPE, type(error).__qualname__)
            span.set_status(StatusCode.ERROR)
            if self._content:
                span.record_exception(error)
            raise
        finally:
            span.end()


class _Traced(Seen):
    def __init__(self, span: Span, call: Call, *, content: bool) -> None:
        self._span, self._call, self._content = span, call, content

    def current(self) -> AbstractContextManager[None]:
        return _current(self._span)

    def used(self, prompt_tokens: int, completion_tokens: int) -> None:
        self._span.set_attributes({genai.INPUT_TOKENS: prompt_tokens, genai.OUTPUT_TOKENS: completion_tokens})

    def failed(self, kind: str) -> None:
        self._span.set_attribute(genai.ERROR_TYPE, kind)
        self._span.set_status(StatusCode.ERROR)

    def content(self, asked: Content, answered: Content) -> None:
        if not self._content:
            return
        chat = self._call.kind == "chat"
        names = (genai.INPUT_MESSAGES, genai.OUTPUT_MESSAGES) if chat else (genai.TOOL_ARGUMENTS, genai.TOOL_RESULT)
        for name, said in zip(names, (asked(), answered()), strict=True):
            self._span.set_attribute(name, json.dumps(said, default=_plain, ensure_ascii=False))


def _of(record: RunRecord, operation: str) -> Attributes:
    return {genai.OPERATION: operation, genai.PROVIDER: genai.AUTOGEN, genai.CONVERSATION: record.id}


def _about(call: Call) -> Attributes:
    attributes: Attributes = {genai.AGENT: call.agent} if call.agent else {}
    if call.kind == "chat":
        return attributes | {genai.REQUEST_MODEL: call.name, genai.STREAM: call.streamed}
    return attributes | {genai.TOOL: call.name} | ({genai.TOOL_CALL: call.call_id} if call.call_id else {})


def _current(span: Span) -> AbstractContextManager[Any]:
    return trace.use_span(span, record_exception=False, set_status_on_exception=False)


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else str(value)


def _provider() -> trace.TracerProvider:
    """The application's, if it has set one up; else one of ours, which sends to where OTEL_EXPORTER_OTLP_* says."""
    own = trace.get_tracer_provider()
    if isinstance(own, TracerProvider):
        return own
    from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "fastagency-backend"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
