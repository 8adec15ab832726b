"""How a process of ours writes its log: as text for people, or as JSON lines for a collector.

A formatter is a function from a record to text, so it may live here, where both processes find it. `run_id`, `workflow`
and `user` are on the records that a backend makes inside a run; a record without them is written without them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any, Literal

from fastagency_shared.extras import extra

LogFormat = Literal["text", "json"]

ABOUT = ("run_id", "workflow", "user")
"""What a record says of its run."""
NOTHING = "-"
"""Stands for a field that a record does not have, so that a format with `%(run_id)s` works outside of runs too."""

_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_SERVERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn.error", "gunicorn.access", "waitress")
"""Loggers with handlers of their own, whose lines would otherwise be text between lines of JSON."""


def set_up(level: str, form: LogFormat, *, quiet: Sequence[str] = ()) -> None:
    """Give the root logger a handler if it has none: an application that has configured logging keeps what it has.

    `quiet`: loggers of others that say too much at INFO.

    Raises:
        ImportError: JSON is wanted, and the "server" extra is not installed.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    formatter = formatter_of(form)
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root.addHandler(handler)
    if root.level == logging.WARNING:  # as Python leaves it
        root.setLevel(level)
    for name in quiet:
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.WARNING)
    if form == "json":
        for name in _SERVERS:
            for other in logging.getLogger(name).handlers:
                other.setFormatter(formatter)


def formatter_of(form: LogFormat) -> logging.Formatter:
    """The formatter by its name in the settings; also a factory for `logging.config.dictConfig`."""
    return _json() if form == "json" else TextFormatter(_TEXT)


class TextFormatter(logging.Formatter):
    """One line for people, with the run in brackets: `... [run_id=0b6d... workflow=chat user=anna]: The run starts`."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = [f"{name}={_shown(value)}" for name in ABOUT if (value := _about(record, name)) is not None]
        about = f" [{' '.join(fields)}]" if fields else ""
        return f"{record.asctime} {record.levelname} {record.name}{about}: {record.message}"


def _about(record: logging.LogRecord, name: str) -> Any:
    value = getattr(record, name, None)
    return None if value == NOTHING else value


def _shown(value: object) -> str:
    """A user's id is whatever somebody claims: it must not look like another line, or like the end of the bracket."""
    text = str(value)
    plain = text.isprintable() and not any(each in text for each in ' "[]=')
    return text if plain and text else json.dumps(text)


def _json() -> logging.Formatter:
    with extra("server", needed_by="FASTAGENCY_LOG_FORMAT=json"):
        from pythonjsonlogger.core import RESERVED_ATTRS
        from pythonjsonlogger.json import JsonFormatter

    class RunJsonFormatter(JsonFormatter):
        def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
            return {key: value for key, value in log_data.items() if key not in ABOUT or value != NOTHING}

    return RunJsonFormatter(
        ["levelname", "name", "message"],
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp=True,
        reserved_attrs=[*RESERVED_ATTRS, "color_message"],  # uvicorn's, the message with colours of a terminal
    )
