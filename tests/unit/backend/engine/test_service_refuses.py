"""Whatever a client asks while the store fails is refused with one sentence, and nothing of the store in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from fastagency_backend.engine.feed import Feeds
from fastagency_backend.engine.service import UNAVAILABLE, RunService
from fastagency_backend.engine.spec import WorkflowSpec
from fastagency_backend.store.base import RunRecord, Store, StoreError
from fastagency_shared.errors import StoreUnavailable
from fastagency_shared.run import InitiateRequest, RunStatus

from tests.fakes.lab import run_id


class Failing:
    """A store that can do nothing at the moment."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def fail(*_args: object, **_options: object) -> None:
            raise StoreError("the disk under /secret/path is full")

        return fail


async def _body(_run: object) -> None:
    return None


ASKED: dict[str, Callable[[RunService], Awaitable[Any]]] = {
    "create": lambda service: service.create(InitiateRequest(workflow_name="w"), None),
    "get": lambda service: service.get(run_id(), None),
    "find": lambda service: service.find(run_id()),
    "get_to_follow": lambda service: service.get_to_follow(run_id(), None, after=0, epoch=0),
    "list_runs": lambda service: service.list_runs(None, limit=1, before=None),
    "count_at_work": lambda service: service.count_at_work("ann"),
    "read": lambda service: service.read(run_id(), None, after=0, limit=1),
    "answer": lambda service: service.answer(run_id(), None, "q", "x"),
    "cancel": lambda service: service.cancel(run_id(), None),
    "retry": lambda service: service.retry(run_id(), None),
    "fork": lambda service: service.fork(run_id(), None, "q"),
    "rename": lambda service: service.rename(run_id(), None, "t"),
    "delete": lambda service: service.delete(run_id(), None),
}


def test_every_method_is_listed() -> None:
    public = {name for name, value in vars(RunService).items() if not name.startswith("_") and callable(value)}
    assert public == set(ASKED)


@pytest.mark.parametrize("first_read_works", [False, True])
@pytest.mark.parametrize("name", ASKED)
async def test_a_store_that_fails_is_a_refusal(
    name: str, first_read_works: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when only what comes after the look at the run fails."""
    store = cast("Store", Failing())
    service = RunService(store, {"w": WorkflowSpec("w", "A workflow", _body)}, Feeds())
    if first_read_works and name not in (
        "create",
        "get",
        "find",
        "count_at_work",
        "get_to_follow",
        "list_runs",
        "read",
    ):
        monkeypatch.setattr(service, "get", _found)
    with pytest.raises(StoreUnavailable) as refused:
        await ASKED[name](service)
    assert refused.value.detail == UNAVAILABLE


async def _found(_run_id: str, _user_id: str | None) -> Any:
    return RunRecord(run_id(), "w", "{}", None, RunStatus.FAILED, "t", None, True, None, 1, 0.0, 0.0)
