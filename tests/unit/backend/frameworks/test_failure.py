"""The errors of a model's client are told apart."""

from __future__ import annotations

import httpx
import openai
import pytest
from fastagency_backend.frameworks.failure import failure_of

REQUEST = httpx.Request("POST", "http://model.invalid")


def status_error(status: int, code: str | None = None) -> openai.APIStatusError:
    response = httpx.Response(status, request=REQUEST)
    return openai.APIStatusError("secret", response=response, body={"code": code, "message": "secret"})


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (status_error(401), "model_unauthorized", "does not accept the key"),
        (status_error(429), "model_rate_limit", "says too many requests"),
        (status_error(429, "insufficient_quota"), "model_quota", "is used up"),
        (status_error(400), "model_bad_request", "does not accept what it was asked"),
        (status_error(400, "content_filter"), "model_refusal", "refused to answer"),
        (status_error(400, "context_length_exceeded"), "model_too_long", "too long"),
        (status_error(503), "model_server_error", "a problem of its own"),
        (openai.ContentFilterFinishReasonError(), "model_refusal", "refused to answer"),
        (openai.APITimeoutError(REQUEST), "model_timeout", "did not answer in time"),
        (TimeoutError(), "model_timeout", "did not answer in time"),
        (openai.APIConnectionError(request=REQUEST), "model_unreachable", "cannot be reached"),
        (httpx.ConnectError("secret"), "model_unreachable", "cannot be reached"),
    ],
)
def test_each_has_a_kind_and_a_sentence(error: Exception, kind: str, sentence: str) -> None:
    failure = failure_of(error)
    assert failure is not None
    assert failure.kind == kind
    assert sentence in failure.sentence
    assert "secret" not in failure.sentence


def test_an_error_of_the_application_is_none_of_the_models() -> None:
    assert failure_of(ValueError("429")) is None
