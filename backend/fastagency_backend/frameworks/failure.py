"""What went wrong when a model was called, told apart: a word for the log, and a sentence that anybody may read.

Clients of different makers raise classes of their own. They have in common the HTTP status, the server's word for it
(`code`), and class names such as `APITimeoutError`; so nothing of theirs is imported here.

Between the call and the end of the workflow a framework may turn the error into one of its own that only quotes it.
So the run notes each failed call, and the workflow's error is looked up there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastagency_backend.engine.failure import Failure
from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.model_settings import ModelNotUsable

logger = logging.getLogger(__name__)

_LATER = "Please try again in a while."

_TIMEOUT = Failure("model_timeout", f"The model's server did not answer in time. {_LATER}")
_UNREACHABLE = Failure("model_unreachable", f"The model's server cannot be reached. {_LATER}")
_BROKEN = Failure("model_server_error", f"The model's server has a problem of its own. {_LATER}")
_REFUSED_REQUEST = Failure("model_bad_request", "The model's server does not accept what it was asked.")
_REFUSED = Failure("model_refusal", "The model refused to answer.")
_NOT_SET_UP = Failure("model_settings", "The model of this service is not set up.")

_BY_STATUS = {
    401: Failure("model_unauthorized", "The model's server does not accept the key of this service."),
    402: Failure("model_quota", "The account of this service at the model's server is used up."),
    403: Failure("model_forbidden", "The model's server does not let this service do that."),
    404: Failure("model_unknown", "The model's server does not know the model that it was asked for."),
    408: _TIMEOUT,
    429: Failure("model_rate_limit", f"The model's server says too many requests. {_LATER}"),
    504: _TIMEOUT,
}
_BY_CODE = {
    "insufficient_quota": _BY_STATUS[402],
    "content_filter": _REFUSED,
    "content_policy_violation": _REFUSED,
    "context_length_exceeded": Failure("model_too_long", "The conversation has become too long for the model."),
}
_BY_CLASS = {
    "ContentFilterFinishReasonError": _REFUSED,
    "APITimeoutError": _TIMEOUT,
    "TimeoutException": _TIMEOUT,
    "TimeoutError": _TIMEOUT,
    "APIConnectionError": _UNREACHABLE,
    "TransportError": _UNREACHABLE,
    "ConnectionError": _UNREACHABLE,
}


@dataclass(frozen=True)
class _Noted:
    """A failed call. Its error is kept as text: the object would keep the frames of the call alive."""

    kind: str
    text: str
    failure: Failure

    def explains(self, error: BaseException) -> bool:
        if type(error).__name__ == self.kind and str(error) == self.text:
            return True
        return bool(self.text) and self.text in str(error)


class Failures:
    """The failed calls of a run (`run.slots`), the newest last."""

    def __init__(self) -> None:
        self.noted: list[_Noted] = []


@contextmanager
def noting(run: Run, model: str | None) -> Iterator[None]:
    """Around the call of a model: when it fails, log why and remember it."""
    try:
        yield
    except Exception as error:
        note(run, model, error)
        raise


def note(run: Run, model: str | None, error: Exception) -> None:
    """A call of a model has failed."""
    failure = failure_of(error)
    if failure is None:
        return
    logger.warning("The model %r failed (%s): %s: %s", model, failure.kind, type(error).__name__, error)
    run.observer.failed("model", failure.kind)
    run.slots[Failures].noted.append(_Noted(type(error).__name__, str(error), failure))


def failure_of(error: BaseException) -> Failure | None:
    """What the error of a model's client means; None for one that says nothing about the model."""
    code = getattr(error, "code", None)
    if isinstance(code, str) and code in _BY_CODE:
        return _BY_CODE[code]
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int) and status >= 400:
        return _BY_STATUS.get(status) or (_BROKEN if status >= 500 else _REFUSED_REQUEST)
    return next((_BY_CLASS[cls.__name__] for cls in type(error).__mro__ if cls.__name__ in _BY_CLASS), None)


def explain(run: Run, error: BaseException) -> Failure | None:
    """Why a workflow failed, if that was a model's doing."""
    for each in _chain(error):
        if isinstance(each, ModelNotUsable):
            return _NOT_SET_UP
        for noted in reversed(run.slots[Failures].noted):
            if noted.explains(each):
                return noted.failure
    return None


def _chain(error: BaseException, depth: int = 20) -> Iterator[BaseException]:
    """The error, what it was made of, and what it was raised from."""
    yield error
    if depth == 0:
        return
    inner = list(error.exceptions) if isinstance(error, BaseExceptionGroup) else []
    for each in (*inner, error.__cause__ or error.__context__):
        if each is not None:
            yield from _chain(each, depth - 1)
