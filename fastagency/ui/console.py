"""`from fastagency.ui.console import ConsoleUI`."""

from frontend.console import ConsoleUI

__all__ = ["ConsoleUI"]
