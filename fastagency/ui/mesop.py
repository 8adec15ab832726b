"""`from fastagency.ui.mesop import MesopUI`."""

from fastagency_shared.extras import extra

with extra("mesop", needed_by="MesopUI"):
    from fastagency_frontend.page import MesopUI

__all__ = ["MesopUI"]
