"""The table of the places that are replaced: it is true of the AutoGen that is installed, and says what is not."""

from __future__ import annotations

import dataclasses
import logging
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastagency_backend import frameworks
from fastagency_backend.command import backend_checks
from fastagency_backend.frameworks import seam, seam_check
from fastagency_backend.frameworks.agentchat import instrument
from fastagency_backend.frameworks.seam import AGENTCHAT, CLASSIC, FRAMEWORKS, Framework, Known, Seam

PYPROJECT = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())
PLACES = [pytest.param(each, id=each.place) for framework in FRAMEWORKS for each in framework.seams]
CREATE = AGENTCHAT.seams[1]


@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda framework: framework.name)
def test_the_installed_framework_is_as_the_table_says(framework: Framework) -> None:
    assert seam_check.unknown(framework) is None


@pytest.mark.parametrize("place", PLACES)
def test_each_place_is_replaced_by_what_the_table_names(place: Seam) -> None:
    frameworks.install()
    assert callable(seam.inside(place))
    owner = seam.owner(place)
    if place.kind == "module":
        assert type(getattr(owner, place.name)) is seam.inside(place)
    elif place.kind == "family":
        below = type("Below", (owner,), {place.name: lambda self: None})
        assert hasattr(getattr(below, place.name), "__fastagency_wrapped__")
    else:
        assert hasattr(getattr(owner, place.name), "__wrapped__")


def test_no_place_stands_there_twice() -> None:
    places = [each.place for framework in FRAMEWORKS for each in framework.seams]
    assert len(places) == len(set(places))


def with_place(**changes: Any) -> Framework:
    return dataclasses.replace(AGENTCHAT, seams=(dataclasses.replace(CREATE, **changes),))


OTHER = [
    pytest.param({"name": "complete"}, "ChatCompletionClient.complete is not there", id="method"),
    pytest.param({"owner": "Client"}, "autogen_core.models.Client.create is not there", id="class"),
    pytest.param({"module": "autogen_core.model"}, "autogen_core.model.ChatCompletionClient.create", id="module"),
    pytest.param({"signature": "(self, prompt)"}, "takes (self, messages, *, tools, ", id="signature"),
]


@pytest.mark.parametrize(("changes", "says"), OTHER)
def test_what_is_not_known_is_said_in_one_sentence(changes: dict[str, str], says: str) -> None:
    sentence = seam_check.unknown(with_place(**changes))

    assert sentence is not None
    assert says in sentence
    assert "completions of a client that `ui.record` does not wrap are paid for again)" in sentence
    assert "\n" not in sentence
    assert 'pip install "fastagency[agentchat]>=1"' in sentence


@pytest.mark.parametrize(
    ("found", "fits"),
    [("0.7.5", True), ("0.7.12", True), ("0.7.4", False), ("0.8.0", False), ("0.8.0rc1", False), ("1.0", False)],
)
def test_a_version_that_was_not_tested_is_named(found: str, fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seam_check, "version", lambda _name: found)
    framework = Framework("AgentChat", "autogen_core", "agentchat", {"autogen-core": Known("0.7.5", "0.8")}, ())

    sentence = seam_check.unknown(framework)

    assert (sentence is None) == fits
    assert sentence is None or f"autogen-core is {found}, and was tested as 0.7.5 (below 0.8)" in sentence


def test_a_place_that_is_missing_is_left_out_and_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    missing = dataclasses.replace(CREATE, owner="Client")
    monkeypatch.setattr(instrument, "AGENTCHAT", dataclasses.replace(AGENTCHAT, seams=(CREATE, missing)))
    make: Callable[[], list[Any]] = instrument._families.__wrapped__

    with caplog.at_level(logging.WARNING):
        families = make()

    assert len(families) == 1
    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert "autogen_core.models.Client.create is not there" in line.getMessage()


def test_check_says_it_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTAGENCY_DATABASE", str(tmp_path / "runs.sqlite3"))
    monkeypatch.setattr("fastagency_backend.frameworks.model_check.examine_model", lambda: "fine")
    findings = {finding.about: finding for finding in backend_checks()}
    assert findings["recording"].state == "fine"
    assert "autogen-agentchat 0.7.5" in findings["recording"].sentence

    monkeypatch.setattr(seam_check, "FRAMEWORKS", (with_place(name="complete"), CLASSIC))
    findings = {finding.about: finding for finding in backend_checks()}
    assert findings["recording"].state == "wrong"
    assert "ChatCompletionClient.complete is not there" in findings["recording"].sentence


def test_without_a_framework_there_is_nothing_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seam_check, "importlib", SimpleNamespace(util=SimpleNamespace(find_spec=lambda _name: None)))
    assert seam_check.examine_seams() == "AutoGen is not installed."


def test_the_bounds_of_the_extras_are_those_of_the_table() -> None:
    extras: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
    for framework in FRAMEWORKS:
        for name, known in framework.tested.items():
            bounds = f">={known.version},<{known.below}"
            assert any(re.sub(r"\[.*\]", "", line) == f"{name}{bounds}" for line in extras[framework.extra])


def test_the_table_was_tested_with_the_locked_versions() -> None:
    lock = (Path(__file__).parents[4] / "requirements.lock").read_text()
    for framework in FRAMEWORKS:
        for name, tested in framework.tested.items():
            assert f"\n{name}=={tested.version} " in lock
