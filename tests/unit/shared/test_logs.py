"""How a process writes its log: text for people, JSON for collectors, and nothing where the application has its own."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastagency_shared.logs import LogFormat, formatter_of, set_up


@contextmanager
def fresh_root() -> Iterator[logging.Logger]:
    """The root logger as a new process has it, without the tests' own handlers."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def line(form: LogFormat, message: str = "Hello", **extra: object) -> str:
    record = logging.makeLogRecord({"name": "application", "levelname": "INFO", "msg": message, **extra})
    return formatter_of(form).format(record)


def test_text_has_the_run_in_brackets_and_nothing_outside_of_a_run() -> None:
    assert line("text", run_id="0b6d", workflow="chat", user="anna").endswith(
        " INFO application [run_id=0b6d workflow=chat user=anna]: Hello"
    )
    assert line("text").endswith(" INFO application: Hello")
    assert line("text", run_id="-", workflow="-", user="-").endswith(" INFO application: Hello")


def test_a_claimed_user_cannot_write_a_line_of_their_own() -> None:
    forged = line("text", run_id="1", workflow="w", user="x]: all is well\n2026-01-01 ERROR root: forged")
    assert len(forged.splitlines()) == 1
    assert 'user="x]: all is well\\n2026-01-01 ERROR root: forged"' in forged
    assert len(line("json", user="a\nb").splitlines()) == 1


def test_json_has_the_run_the_traceback_and_the_applications_own_fields() -> None:
    error = ValueError("broken")
    entry = json.loads(
        line("json", run_id="0b6d", workflow="chat", user="-", order=7, exc_info=(type(error), error, None))
    )
    assert entry.pop("timestamp").endswith("+00:00")
    assert "ValueError: broken" in entry.pop("exc_info")
    assert entry == {
        "level": "INFO",
        "logger": "application",
        "message": "Hello",
        "run_id": "0b6d",
        "workflow": "chat",
        "order": 7,
    }


def test_a_root_logger_without_handlers_gets_ours(capsys: pytest.CaptureFixture[str]) -> None:
    with fresh_root():
        set_up("INFO", "text")
        set_up("INFO", "json")  # a second adapter changes nothing
        logging.getLogger("application").info("Hello")
    assert capsys.readouterr().err.endswith(" INFO application: Hello\n")


def test_an_application_that_configured_logging_keeps_what_it_has() -> None:
    own = logging.StreamHandler(io.StringIO())
    with fresh_root() as root:
        root.addHandler(own)
        set_up("DEBUG", "json")
        assert root.handlers == [own]
        assert own.formatter is None
        assert root.level == logging.WARNING


def test_the_applications_own_level_stays() -> None:
    with fresh_root() as root:
        root.setLevel(logging.ERROR)
        set_up("INFO", "text")
        assert root.level == logging.ERROR


def test_with_json_the_servers_lines_are_json_too() -> None:
    stream = io.StringIO()
    access, handler = logging.getLogger("uvicorn.access"), logging.StreamHandler(stream)
    access.addHandler(handler)
    with fresh_root():
        set_up("INFO", "json")
        access.warning("GET /", extra={"color_message": "\x1b[1mGET /"})
    access.removeHandler(handler)
    entry = json.loads(stream.getvalue())
    assert entry["message"] == "GET /"
    assert "color_message" not in entry
