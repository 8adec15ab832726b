"""FASTAGENCY_GET_USER_ID: the dependency of an application, for the processes that the settings describe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastagency_backend import api
from fastagency_backend.settings import BackendSettings
from fastagency_shared.errors import InvalidSettings

from tests.integration.server import serve

MODULE = """
from typing import Annotated
from fastapi import Header, HTTPException

number = 7

async def user(token: Annotated[str | None, Header()] = None) -> str:
    if token is None:
        raise HTTPException(401, "Please sign in.")
    return token
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "front_door.py").write_text(MODULE)
    yield tmp_path
    sys.modules.pop("front_door", None)


def settings(folder: Path, target: str | None) -> BackendSettings:
    return BackendSettings(database=folder / "runs.sqlite3", get_user_id=target)


async def test_the_api_asks_it_on_every_route(folder: Path) -> None:
    with serve(api.create_app(settings(folder, "front_door:user"))) as url:
        for path in ("discovery", "runs", f"runs/{'0' * 32}"):
            assert httpx.get(f"{url}/fastagency/{path}").status_code == 401
        assert httpx.get(f"{url}/fastagency/runs", headers={"token": "anna"}).json() == []
        assert httpx.get(f"{url}/fastagency/health").status_code == 200


async def test_so_does_the_backend(folder: Path) -> None:
    from fastagency_backend import main  # builds an application of its own, for the settings of the environment

    with serve(main.create_app(settings(folder, "front_door:user"))) as url:
        assert httpx.get(f"{url}/fastagency/discovery").status_code == 401
        assert httpx.get(f"{url}/fastagency/discovery", headers={"token": "anna"}).status_code == 200


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("front_door", r"FASTAGENCY_GET_USER_ID must look like module:attribute, not 'front_door'\."),
        ("back_door:user", r"FASTAGENCY_GET_USER_ID=back_door:user: there is no module 'back_door'\."),
        ("front_door:nobody", r"front_door has no function named 'nobody'\."),
        ("front_door:number", r"front_door has no function named 'number'\."),
    ],
)
def test_what_is_no_dependency_is_refused(target: str, said: str, folder: Path) -> None:
    with pytest.raises(InvalidSettings, match=said):
        api.create_app(settings(folder, target))
