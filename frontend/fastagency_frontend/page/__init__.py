"""The chat page (Mesop): only this package knows Mesop."""

from fastagency_frontend.page.mesop_ui import MesopUI

__all__ = ["MesopUI"]
