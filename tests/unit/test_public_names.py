"""The names that applications of the guide import, and their constructors."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pytest
from fastagency_shared.messages import message_classes

import fastagency

NAMES = {
    "fastagency": ["FastAgency", "UI", "AsyncUI", "Workflow", "Choices", "IOMessage", "__version__"],
    "fastagency.app": ["FastAgency"],
    "fastagency.base": ["UI", "AsyncUI", "Workflow"],
    "fastagency.messages": ["IOMessage", "parse_message", *(cls.__name__ for cls in message_classes())],
    "fastagency.adapters.fastapi": ["FastAPIAdapter", "FastAPIProvider"],
    "fastagency.runtimes.autogen": ["AutoGenWorkflows", "Workflow"],
    "fastagency.runtimes.ag2": ["Workflow"],
    "fastagency.ui.mesop": ["MesopUI", "OpenIDConnect", "PasswordFile", "ProxyHeader"],
    "fastagency.ui.console": ["ConsoleUI"],
}
"""Design, "Public names"."""


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in NAMES.items() for name in names])
def test_every_name_of_the_guide_can_be_imported(module: str, name: str) -> None:
    assert getattr(importlib.import_module(module), name)


def test_the_message_types_of_the_guide_are_at_the_top() -> None:
    for cls in message_classes()[:10]:
        assert getattr(fastagency, cls.__name__) is cls
        assert cls.__name__ in fastagency.__all__


@pytest.mark.parametrize(
    "module", ["fastagency", *(info.name for info in pkgutil.walk_packages(fastagency.__path__, "fastagency."))]
)
def test_a_module_offers_exactly_what_it_lists(module: str) -> None:
    loaded = importlib.import_module(module)
    listed = set(getattr(loaded, "__all__", ()))
    public = {
        name
        for name in dir(loaded)
        if not name.startswith("_") and not inspect.ismodule(getattr(loaded, name)) and name not in ("extra", "version")
    }
    assert public == listed - {"__version__"}
    assert loaded.__doc__


def test_the_same_class_has_one_identity() -> None:
    from fastagency_backend.workflow import Workflow

    from fastagency.runtimes import ag2, autogen

    assert autogen.AutoGenWorkflows is autogen.Workflow is ag2.Workflow is fastagency.Workflow is Workflow


def parameters(target: Any) -> dict[str, str]:
    """Name and kind of each parameter."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    found = inspect.signature(target).parameters
    return {name: "keyword" if each.kind is keyword else "any" for name, each in found.items()}


def test_the_constructors_are_those_of_the_design() -> None:
    from fastagency.adapters.fastapi import FastAPIAdapter
    from fastagency.ui.console import ConsoleUI
    from fastagency.ui.mesop import MesopUI

    adapter = parameters(FastAPIAdapter)
    assert adapter.pop("provider") == "any"
    keywords = ["discovery_path", "initiate_workflow_path", "ws_path", "get_user_id", "settings"]
    assert adapter == dict.fromkeys(keywords, "keyword")
    assert "fastapi_url" in parameters(FastAPIAdapter.create_provider)
    application = parameters(fastagency.FastAgency)
    assert [application[name] for name in ("provider", "ui", "title", "description")] == [
        "any",
        "any",
        "keyword",
        "keyword",
    ]
    for ui in (MesopUI, ConsoleUI):
        inspect.signature(ui).bind()
    register = parameters(fastagency.Workflow().register)
    keywords = ["durable", "max_at_work", "roles", "fail_on_redefintion"]
    assert register == {"name": "any", "description": "any"} | dict.fromkeys(keywords, "keyword")


def test_the_default_paths_are_those_of_the_guide() -> None:
    from fastagency.adapters.fastapi import FastAPIAdapter

    defaults = {name: each.default for name, each in inspect.signature(FastAPIAdapter).parameters.items()}
    assert defaults["discovery_path"] == "/fastagency/discovery"
    assert defaults["initiate_workflow_path"] == "/fastagency/initiate_workflow"
    assert defaults["ws_path"] == "/fastagency/ws"
    assert defaults["get_user_id"] is None
