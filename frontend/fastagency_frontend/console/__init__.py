"""The console: a workflow in a terminal."""

from fastagency_frontend.console.console_ui import ConsoleUI

__all__ = ["ConsoleUI"]
