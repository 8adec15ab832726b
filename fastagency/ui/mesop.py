"""`from fastagency.ui.mesop import MesopUI`, and the ways of signing in: `MesopUI(auth=...)`."""

from fastagency_shared.extras import extra

with extra("mesop", needed_by="MesopUI"):
    from fastagency_frontend.page import MesopUI
    from fastagency_frontend.sign_in import OpenIDConnect, PasswordFile, ProxyHeader

__all__ = ["MesopUI", "OpenIDConnect", "PasswordFile", "ProxyHeader"]
