"""What the tests of the page share: an application on the fake provider, and a visitor of it."""

from __future__ import annotations

import pytest
from fastagency_frontend.app import FastAgency
from fastagency_frontend.page import MesopUI
from fastagency_frontend.settings import FrontendSettings
from fastagency_shared.provider import Caller
from werkzeug.test import Client

from tests.fakes.provider import FakeProvider
from tests.fakes.scripts import demo_provider

VISITOR = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def provider() -> FakeProvider:
    return demo_provider()


@pytest.fixture
def app(provider: FakeProvider) -> FastAgency:
    return FastAgency(
        provider=provider, ui=MesopUI(FrontendSettings()), title="Class", description="Learn about cells."
    )


@pytest.fixture
def http(app: FastAgency) -> Client:
    """A browser that has been here before."""
    client = Client(app)
    client.set_cookie("fastagency_visitor", VISITOR)
    return client


@pytest.fixture
def caller() -> Caller:
    """The same visitor, as the provider sees it."""
    return Caller(user_id=VISITOR)
