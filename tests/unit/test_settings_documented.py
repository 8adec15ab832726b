"""Every setting is on the settings page under the name of its environment variable, and the page invents none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from fastagency_backend.frameworks.model_settings import ModelSettings
from fastagency_backend.settings import BackendSettings
from fastagency_frontend.settings import FrontendSettings
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
CLASSES: tuple[type[BaseSettings], ...] = (BackendSettings, FrontendSettings, ModelSettings)


def variable(cls: type[BaseSettings], name: str) -> str:
    return f"{cls.model_config['env_prefix']}{name}".upper()


FIELDS = [(variable(cls, name), info) for cls in CLASSES for name, info in cls.model_fields.items()]


@pytest.mark.parametrize(("name", "info"), FIELDS, ids=[name for name, _ in FIELDS])
def test_a_setting_is_documented(name: str, info: FieldInfo) -> None:
    assert info.description, f"{name} has no description"
    assert info.description.endswith(".")
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}`")]
    assert rows, f"{name} is missing on docs/settings.md"
    assert any(info.description in row for row in rows)


def test_the_page_has_no_setting_that_does_not_exist() -> None:
    assert set(re.findall(r"`(FASTAGENCY_\w+?)`", PAGE)) <= {name for name, _ in FIELDS}


def test_two_processes_mean_the_same_by_a_shared_name() -> None:
    shared = set(BackendSettings.model_fields) & set(FrontendSettings.model_fields)
    for name in shared:
        assert BackendSettings.model_fields[name].default == FrontendSettings.model_fields[name].default


NOT_FOR_US = {
    "backend/fastagency_backend/frameworks/model_settings.py": "settings: whether what they were read from has changed",
    "frontend/fastagency_frontend/page/environment.py": "sets the variables that Mesop reads",
    "frontend/fastagency_frontend/command/start.py": "hands the whole of it on to the two processes",
}
"""Where the environment is touched outside of settings, and why that is no reading."""


def touches_the_environment(path: Path) -> bool:
    names = {"environ", "environb", "getenv", "putenv", "unsetenv"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            if node.attr in names:
                return True
        elif isinstance(node, ast.ImportFrom) and node.module == "os" and names & {name.name for name in node.names}:
            return True
    return False


def test_nothing_but_settings_reads_the_environment() -> None:
    root = Path(__file__).parents[2]
    sources = [path for side in ("shared", "backend", "frontend", "fastagency") for path in (root / side).rglob("*.py")]
    assert len(sources) > 100
    found = {path.relative_to(root).as_posix() for path in sources if touches_the_environment(path)}
    assert found == NOT_FOR_US.keys()
