"""`from fastagency.ui.mesop import MesopUI`."""

from shared.extras import extra

with extra("mesop", needed_by="MesopUI"):
    from frontend.ui import MesopUI

__all__ = ["MesopUI"]
