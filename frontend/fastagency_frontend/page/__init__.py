"""The chat page (Mesop): only this package knows Mesop."""

from fastagency_frontend.page.environment import prepare_mesop
from fastagency_frontend.settings import load_settings

prepare_mesop(load_settings())  # Mesop reads the environment when it is imported, which the next line does.

from fastagency_frontend.page.mesop_ui import MesopUI  # noqa: E402

__all__ = ["MesopUI"]
