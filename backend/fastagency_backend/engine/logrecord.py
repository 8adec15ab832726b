"""Puts the run on every log record that is made inside it: `run_id`, `workflow` and `user`.

Inside means: in the workflow, in its thread, in the tasks and tools of its agents; whoever writes the line, the
application and the frameworks included.
"""

from __future__ import annotations

import logging
from typing import Any

from fastagency_shared.logs import ABOUT, NOTHING

from fastagency_backend.engine.about import about
from fastagency_backend.engine.context import current_record

_NOWHERE = dict.fromkeys(ABOUT, NOTHING)


class RunLogRecord(logging.LogRecord):
    """A record that knows its run.

    The fields are filled in when the record is used, not when it is made: `logging` refuses an application's
    `extra={"user": ...}` if the record has that name already.
    """

    _about: dict[str, str]

    def getMessage(self) -> str:
        for name, value in self._about.items():
            self.__dict__.setdefault(name, value)
        return super().getMessage()

    def __getattr__(self, name: str) -> Any:
        if name in ABOUT:
            return self._about[name]
        raise AttributeError(name)


def install() -> None:
    """Make records know their run from now on; the application's own record factory goes on making them."""
    inner = logging.getLogRecordFactory()
    if getattr(inner, "knows_runs", False):
        return

    def factory(*args: Any, **options: Any) -> logging.LogRecord:
        record = inner(*args, **options)
        of_run = current_record()
        record.__dict__["_about"] = _NOWHERE if of_run is None else about(of_run)
        record.__class__ = _knowing(type(record))
        return record

    factory.knows_runs = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(factory)


_classes: dict[type[logging.LogRecord], type[logging.LogRecord]] = {logging.LogRecord: RunLogRecord}


def _knowing(cls: type[logging.LogRecord]) -> type[logging.LogRecord]:
    """The class, with what `RunLogRecord` adds; made once."""
    if issubclass(cls, RunLogRecord):
        return cls
    if cls not in _classes:
        _classes[cls] = type(cls.__name__, (RunLogRecord, cls), {})
    return _classes[cls]
