"""What a person is told when the backend could not be asked. Addresses and causes are for the log."""

from __future__ import annotations

import logging

from fastagency_shared.errors import (
    BackendError,
    BackendIncompatible,
    BackendRefused,
    BackendTimeout,
    BackendUnreachable,
)

logger = logging.getLogger(__name__)

_SENTENCES: tuple[tuple[type[BackendError], str], ...] = (
    (BackendUnreachable, "The service behind this page cannot be reached at the moment."),
    (BackendTimeout, "The service behind this page takes too long to answer."),
    (BackendRefused, "The service behind this page does not let you in. Please sign in and try again."),
    (BackendIncompatible, "The service behind this page does not fit it. Please tell whoever looks after it."),
    (BackendError, "The service behind this page has failed. Please tell whoever looks after it."),
)


def for_people(error: BackendError) -> str:
    """One sentence for the page; what it leaves out goes to the log."""
    logger.warning("The backend could not be asked: %s", error)
    return next(sentence for kind, sentence in _SENTENCES if isinstance(error, kind))
