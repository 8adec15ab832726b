"""The types that the browser's modules are checked against are those of the Python that they talk to."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from fastagency_frontend.page import element, exchange
from fastagency_frontend.page.render import to_row
from fastagency_frontend.page.row import Row
from fastagency_frontend.page.state import PageState
from fastagency_frontend.page.view import QuestionView, ShellView
from fastagency_shared.messages import SystemMessage, message_classes

SCRIPT = Path(__file__).parents[4] / "frontend" / "wire_types.py"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wire_types", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


wire_types = load_generator()


def test_the_types_are_up_to_date() -> None:
    written = wire_types.TARGET.read_text(encoding="utf-8")
    assert written == wire_types.declarations(), "run: python frontend/wire_types.py"


def test_a_hint_without_a_translation_is_refused() -> None:
    with pytest.raises(AssertionError, match="no translation"):
        wire_types._typescript(dict[str, int], {})


@pytest.mark.parametrize("message", [*(cls() for cls in message_classes()), SystemMessage(message={"body": "b"})])
def test_a_row_has_the_fields_of_its_type(message: Any) -> None:
    row = to_row(message)
    shapes = [set(shape.__annotations__) for shape in get_args(Row)]
    assert row is None or set(row) in shapes


@pytest.mark.parametrize("name", ["sidebar", "pulse", "transcript", "composer"])
def test_a_component_is_given_the_properties_and_events_of_its_types(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(element.me, "insert_web_component", lambda **arguments: given.update(arguments))
    arguments = {
        "sidebar": {"state": PageState(), "shell": ShellView()},
        "pulse": {"fingerprint": "", "person": "", "trouble": "", "acknowledged": 0},
        "transcript": {"run": None, "accepted": "", "acknowledged": 0},
        "composer": {
            "question": QuestionView(id="q", kind="text", asker="", prompt=""),
            "state": PageState(),
            "refusal": "",
        },
    }
    build = getattr(element, name)
    getattr(build, "__wrapped__", build)(**arguments[name])
    kind = name.capitalize()
    assert set(given["properties"]) == set(getattr(exchange, f"{kind}Properties").model_fields)
    assert set(given["events"]) == set(getattr(exchange, f"{kind}Events").__annotations__)
