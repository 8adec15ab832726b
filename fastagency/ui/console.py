"""`from fastagency.ui.console import ConsoleUI`."""

from fastagency_frontend.console import ConsoleUI

__all__ = ["ConsoleUI"]
