"""Functions, code and chance of the classic API as recorded steps.

A function is not called again in a replay: its result is given back. What else it changed inside the workflow (a list
it appended to, say) is not: that belongs in its result, where a group chat's functions have their changes to its
variables too.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import Any, TypeVar

from pydantic import JsonValue

from fastagency_backend.engine.context import current_run
from fastagency_backend.engine.observer import Call
from fastagency_backend.engine.run import Run
from fastagency_backend.frameworks.classic.codec import Unrecordable, decode, encode, fingerprint
from fastagency_backend.frameworks.classic.completion import refuse_on_loop
from fastagency_backend.frameworks.classic.thread import in_own_loop, in_thread

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MARK = "fastagency_recorded"


class FunctionFailed(Exception):
    """A function raised an error; the framework shows its text to the model."""


def record_function(agent: Any, name: str) -> None:
    """Make one of an agent's functions record what it returns inside a run. Repeating it changes nothing."""
    function = agent._function_map.get(name)
    if function is not None and not hasattr(function, _MARK):
        recorded = _async_recorded if inspect.iscoroutinefunction(function) else _recorded
        agent._function_map[name] = recorded(agent, name, function)
        setattr(agent._function_map[name], _MARK, True)


def record_executor(executor: Any) -> None:
    """Make a code executor record what its code printed. Repeating it changes nothing."""
    execute = getattr(executor, "execute_code_blocks", None)
    if execute is None or hasattr(execute, _MARK):
        return

    @functools.wraps(execute)
    def recorded(code_blocks: list[Any]) -> Any:
        run = current_run()
        return execute(code_blocks) if run is None else code_result(run, code_blocks, lambda: execute(code_blocks))

    setattr(recorded, _MARK, True)
    object.__setattr__(executor, "execute_code_blocks", recorded)


def code_result(run: Run, code: Any, execute: Callable[[], Any]) -> Any:
    """The result of running code, recorded."""
    refuse_on_loop(run)
    return decode(run.step_blocking("code", "", fingerprint(code), lambda: encode(execute())))


def _recorded(agent: Any, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(**arguments: Any) -> Any:
        run = current_run()
        if run is None:
            return function(**arguments)
        if _in_task():  # the framework awaits what it gets here; the function must not block the loop
            return _Step(run, agent, name, arguments).awaited(lambda: in_thread(lambda: function(**arguments)))
        return _Step(run, agent, name, arguments).blocking(lambda: _resolved(function(**arguments)))

    return call


def _async_recorded(agent: Any, name: str, function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(**arguments: Any) -> Any:
        run = current_run()
        if run is None:
            return await function(**arguments)
        return await _Step(run, agent, name, arguments).awaited(lambda: function(**arguments))

    return call


class _Step:
    """One call of a function by an agent in a run."""

    def __init__(self, run: Run, agent: Any, name: str, arguments: dict[str, Any]) -> None:
        self._run, self._agent, self._name = run, agent, name
        self._request = {"function": name, "arguments": fingerprint(arguments)}
        self._call = Call("tool", name, agent.name)
        self._made: list[Any] = []

    def blocking(self, function: Callable[[], Any]) -> Any:
        def call() -> JsonValue:
            try:
                with self._run.observer.call(self._run.record, self._call):
                    self._made.append(function())
            except Exception as error:  # noqa: BLE001 - the framework tells the model, so a replay must too
                return self._failed(error)
            return {"value": encode(self._made[0])}

        try:
            return self._result(self._run.step_blocking("function", self._agent.name, self._request, call))
        except Unrecordable as error:
            return self._unrecorded(error)

    async def awaited(self, function: Callable[[], Awaitable[Any]]) -> Any:
        async def call() -> JsonValue:
            try:
                with self._run.observer.call(self._run.record, self._call):
                    self._made.append(await function())
            except Exception as error:  # noqa: BLE001 - the framework tells the model, so a replay must too
                return self._failed(error)
            return {"value": encode(self._made[0])}

        try:
            return self._result(await self._run.step("function", self._agent.name, self._request, call))
        except Unrecordable as error:
            return self._unrecorded(error)

    def _failed(self, error: Exception) -> JsonValue:
        self._run.observer.failed("tool", "raised")
        logger.error("The tool %r raised an error", self._name, exc_info=error)
        return {"error": str(error)}

    def _result(self, recorded: JsonValue) -> Any:
        assert isinstance(recorded, dict)
        if "error" in recorded:
            raise FunctionFailed(recorded["error"])
        return decode(recorded["value"])

    def _unrecorded(self, error: Unrecordable) -> Any:
        logger.warning(
            "The result of function %s is not recorded, because it holds a %s: after a restart it is called again",
            self._name,
            error,
            extra={"run_id": self._run.id},
        )
        return self._made[0]


def tell_unreached(run: Run, agent: Any, call: dict[str, Any]) -> None:
    """Log a failed call that reached no function: what a function raises was logged when it raised it."""
    name, arguments = call.get("name"), call.get("arguments", "{}")
    if run.replaying:
        return  # it was logged at first
    run.observer.failed("tool", "failed")
    if name not in agent._function_map:
        logger.error("%s was to call the tool %r, which it does not have", agent.name, name)
        return
    try:
        json.loads(agent._format_json_str(arguments))
    except json.JSONDecodeError:
        logger.exception("The arguments of a call of the tool %r by %s are not JSON", name, agent.name)


class _Chances(Counter[str]):
    """How often a run has chosen among the same options."""


class ChanceOfRuns:
    """Stands in for the module `random` in the framework's modules: inside a run, chance that a replay meets again."""

    def __init__(self, random_module: ModuleType) -> None:
        self._random = random_module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._random, name)

    def choice(self, options: Sequence[T]) -> T:
        run = current_run()
        if run is None:
            chosen: T = self._random.choice(options)
            return chosen
        names = [str(getattr(option, "name", option)) for option in options]
        chances = run.slots[_Chances]
        chances[str(names)] += 1
        return random.Random(f"{run.id} {names} {chances[str(names)]}").choice(options)  # noqa: S311 - no secret


def _resolved(value: Any) -> Any:
    """The value, after awaiting it if a plain function returned an awaitable."""
    if not inspect.isawaitable(value):
        return value

    async def wait() -> Any:
        return await value

    return in_own_loop(wait())


def _in_task() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
