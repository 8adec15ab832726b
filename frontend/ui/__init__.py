"""The chat page (Mesop): only this package knows Mesop."""

from frontend.ui.mesop_ui import MesopUI

__all__ = ["MesopUI"]
