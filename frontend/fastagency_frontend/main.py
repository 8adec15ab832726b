"""The frontend process: the chat page for the backend named in the settings, as the WSGI callable `app`.

`gunicorn fastagency_frontend.main:app`, `waitress-serve fastagency_frontend.main:app`, or `python -m
fastagency_frontend`, which takes host, port and threads from the settings as well.
"""

from __future__ import annotations

from fastagency_frontend.app import FastAgency
from fastagency_frontend.client import FastAPIProvider, Patience
from fastagency_frontend.page import MesopUI
from fastagency_frontend.settings import FrontendSettings, load_settings


def create_app(settings: FrontendSettings) -> FastAgency:
    """The application that the settings describe."""
    provider = FastAPIProvider(
        settings.backend_url,
        timeout=settings.request_timeout_s,
        patience=Patience(give_up_s=settings.reconnect_timeout_s),
    )
    ui = MesopUI(settings)
    return FastAgency(provider=provider, ui=ui, title=settings.title, description=settings.description)


app = create_app(load_settings())
