"""What is in the distributions, and what is not."""

from __future__ import annotations

import tarfile
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import pytest

from tests.wheel.conftest import ROOT

PACKAGES = {
    "fastagency": ROOT / "fastagency",
    "fastagency_shared": ROOT / "shared" / "fastagency_shared",
    "fastagency_backend": ROOT / "backend" / "fastagency_backend",
    "fastagency_frontend": ROOT / "frontend" / "fastagency_frontend",
}
METADATA = f"fastagency-{version('fastagency')}.dist-info"
NOT_FOR_USERS = {"tests", "docs", "benchmarks", "examples", "node_modules", "__pycache__", ".venv", ".git", ".interop"}


@pytest.fixture(scope="module")
def files(wheel: Path) -> set[PurePosixPath]:
    with ZipFile(wheel) as archive:
        return {PurePosixPath(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sources(built: Path) -> set[PurePosixPath]:
    [found] = built.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        return {PurePosixPath(*PurePosixPath(name).parts[1:]) for name in archive.getnames()}


def test_only_packages_with_names_of_their_own_are_in_it(files: set[PurePosixPath]) -> None:
    assert {file.parts[0] for file in files} == {*PACKAGES, METADATA}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_is_in_it_as_it_is_in_the_repository(package: str, files: set[PurePosixPath]) -> None:
    folder = PACKAGES[package]
    here = {
        PurePosixPath(package, file.relative_to(folder).as_posix())
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {file for file in files if file.parts[0] == package} == here
    assert PurePosixPath(package, "py.typed") in files


def test_the_page_brings_its_own_styles_scripts_and_fonts(files: set[PurePosixPath]) -> None:
    static = {file.suffix for file in files if file.is_relative_to("fastagency_frontend/page/static")}
    assert static >= {".css", ".js", ".svg", ".woff2"}


def test_nothing_of_the_development_is_in_it(files: set[PurePosixPath]) -> None:
    assert [file for file in files if NOT_FOR_USERS & set(file.parts)] == []


def test_the_licence_and_the_command_are_in_it(files: set[PurePosixPath]) -> None:
    assert files >= {PurePosixPath(METADATA, name) for name in ("licenses/LICENSE", "entry_points.txt", "METADATA")}


def test_the_sources_are_complete_and_bring_nothing_that_is_made(sources: set[PurePosixPath]) -> None:
    """That they are enough to build from is shown by the wheel, which is made of them."""
    needed = (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "requirements.lock",
        "Procfile",
        "tests/conftest.py",
    )
    assert sources >= {PurePosixPath(name) for name in needed}
    made = {"node_modules", "__pycache__", ".venv", ".git", ".interop", ".fastagency", "artifacts", "dist"}
    assert [file for file in sources if made & set(file.parts)] == []
