"""Runs gunicorn inside this process. Apart from `server.py` because gunicorn cannot even be imported on Windows."""

from __future__ import annotations

from typing import Any

from gunicorn.app.base import BaseApplication


class _Embedded(BaseApplication):  # type: ignore[misc]
    def __init__(self, application: Any, options: dict[str, Any]) -> None:
        self._application = application
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return self._application


def run(application: Any, options: dict[str, Any]) -> None:
    """Serve a WSGI application until the process is told to stop."""
    _Embedded(application, options).run()
