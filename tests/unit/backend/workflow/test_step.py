"""`ui.step`: its attempts, its time limit, and that its result is what a replay gives."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastagency_backend.engine.context import current_step_key
from fastagency_backend.workflow import UI, AsyncUI, attempts
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.lab import Lab


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    lab = Lab(tmp_path / "runs.sqlite3")
    yield lab
    await lab.close()


@dataclass
class Thing:
    """No JSON."""


async def both(lab: Lab, fn: Any, *args: Any, **options: Any) -> list[Any]:
    """What `ui.step` gives in a `def` and in an `async def`: its result, or its error."""
    got: list[Any] = []

    @lab.wf.register("flow", "A flow", fail_on_redefintion=False)
    def flow(ui: UI, params: dict[str, Any]) -> None:
        try:
            got.append(ui.step(fn, *args, **options))
        except Exception as error:
            got.append(error)

    @lab.wf.register("awaited", "A flow", fail_on_redefintion=False)
    async def awaited(ui: AsyncUI, params: dict[str, Any]) -> None:
        try:
            got.append(await ui.step(fn, *args, **options))
        except Exception as error:
            got.append(error)

    engine = await lab.engine()
    for number, name in enumerate(("flow", "awaited"), 1):
        await lab.start(engine, name, number)
        await lab.completed(engine, number)
    return got


async def test_retries_are_made_under_one_key_with_pauses_that_double(lab: Lab, monkeypatch: Any) -> None:
    monkeypatch.setattr(attempts, "LONGEST_PAUSE_S", 0.003)
    keys: list[str | None] = []

    def flaky() -> str:
        keys.append(current_step_key())
        if len(keys) % 4:
            raise ConnectionError("cut")
        return "done"

    assert await both(lab, flaky, retries=3, backoff=0.001) == ["done", "done"]
    assert len(keys) == 8
    assert len(set(keys)) == 2
    limits = attempts.Attempts(None, "flaky", retries=4, backoff=0.001)  # type: ignore[arg-type]
    assert list(limits._pauses()) == [0.001, 0.002, 0.003, 0.003]


async def test_the_last_error_is_raised(lab: Lab) -> None:
    calls: list[int] = []

    def failing() -> None:
        calls.append(1)
        raise ConnectionError(f"cut {len(calls)}")

    errors = await both(lab, failing, retries=1, backoff=0)
    assert [str(error) for error in errors] == ["cut 2", "cut 4"]


async def test_only_exceptions_are_tried_again(lab: Lab) -> None:
    calls: list[int] = []

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        async def cancelled() -> None:
            calls.append(1)
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await ui.step(cancelled, retries=5, backoff=0)
        return "done"

    engine = await lab.engine()
    await lab.start(engine, "flow")
    assert await lab.completed(engine) == "done"
    assert calls == [1]


async def test_an_attempt_that_takes_too_long_is_cancelled_and_tried_again(lab: Lab) -> None:
    ends: list[str] = []

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> str:
        async def slow() -> str:
            try:
                await asyncio.sleep(0 if ends else 3600)
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise
            return "done"

        return await ui.step(slow, retries=1, backoff=0, timeout_s=0.01)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    assert await lab.completed(engine) == "done"
    assert ends == ["cancelled"]


async def test_a_blocking_call_that_takes_too_long_is_left_alone(lab: Lab) -> None:
    released = threading.Event()
    ended = threading.Event()

    @lab.wf.register("flow", "A flow")
    def flow(ui: UI, params: dict[str, Any]) -> str:
        def slow() -> str:
            assert current_step_key() is not None
            released.wait()
            ended.set()
            return "late"

        def own() -> str:
            raise TimeoutError("its own")

        with pytest.raises(TimeoutError, match=r"slow took longer than 0\.01 seconds"):
            ui.step(slow, timeout_s=0.01)
        assert not ended.is_set(), "it goes on"
        released.set()
        with pytest.raises(TimeoutError, match="its own"):
            ui.step(own, timeout_s=3600)
        return ui.step(lambda: "in time", timeout_s=3600)

    engine = await lab.engine()
    await lab.start(engine, "flow")
    assert await lab.completed(engine) == "in time"
    assert await asyncio.to_thread(ended.wait, 60)


async def test_a_time_limit_that_cannot_be_kept_is_refused(lab: Lab) -> None:
    called: list[int] = []
    _, refused = await both(lab, lambda: called.append(1), timeout_s=3600)
    assert "timeout_s cannot stop" in str(refused)
    assert called == [1], "the `def` alone has called it"


@pytest.mark.parametrize("options", [{"retries": -1}, {"backoff": -1}, {"timeout_s": 0}])
async def test_numbers_that_make_no_sense_are_refused(lab: Lab, options: dict[str, Any]) -> None:
    for error in await both(lab, lambda: None, **options):
        assert isinstance(error, ValueError)


async def test_an_option_that_the_function_has_itself_is_the_functions(lab: Lab) -> None:
    def fetch(url: str, retries: int = 0) -> str:
        return f"{url} {retries}"

    assert await both(lab, fetch, "u", retries=3) == ["u 3", "u 3"]


async def test_a_result_that_is_not_json_is_refused_and_names_the_function(lab: Lab) -> None:
    def thing() -> Thing:
        return Thing()

    for error in await both(lab, thing, retries=3):
        assert isinstance(error, TypeError)
        assert "thing returned cannot be recorded, because it is not JSON" in str(error)
    engine = lab.engines[0]
    assert (await engine.store.load_log(f"{1:032x}")).steps == {}


async def test_arguments_that_are_not_json_are_refused_before_the_call(lab: Lab) -> None:
    called: list[Any] = []
    for error in await both(lab, called.append, Thing):
        assert isinstance(error, TypeError)
        assert "argument 1 is of type type" in str(error)
    assert called == []


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
results = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.integers() | st.text() | st.booleans() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=25)
@given(results)
async def test_what_is_returned_live_is_what_a_replay_returns(tmp_path_factory: Any, result: Any) -> None:
    lab = Lab(tmp_path_factory.mktemp("step") / "runs.sqlite3")
    returned: list[Any] = []

    @lab.wf.register("flow", "A flow")
    async def flow(ui: AsyncUI, params: dict[str, Any]) -> None:
        returned.append(await ui.step(lambda: result))
        await ui.text_input()

    engine = await lab.engine()
    await lab.start(engine, "flow")
    await lab.question(engine)
    await lab.stop(engine)
    engine = await lab.engine()
    await lab.answer(engine, "go")
    await lab.completed(engine)
    await lab.close()
    live, replayed = returned
    assert repr(live) == repr(replayed)
