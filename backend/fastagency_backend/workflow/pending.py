"""A call of `AsyncUI` that was made and is still to be awaited.

A forgotten `await` is an easy mistake, and a quiet one: nothing happens, or `<coroutine object ...>` is shown. So every
method of `AsyncUI` returns a coroutine of ours that knows the line it was called in, and complains when it is taken for
its result, or when nobody ever awaits it.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import Callable, Coroutine, Generator
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")
C = TypeVar("C")


class ForgottenAwait(RuntimeError):
    """A call of `AsyncUI` was not awaited; `str(error)` names the line."""


class Place:
    """Where a call was made, put into words only when somebody is to read them."""

    __slots__ = ("_code", "_line", "_method")

    def __init__(self, method: str, frame: FrameType) -> None:
        self._method, self._code, self._line = method, frame.f_code, frame.f_lineno

    def __str__(self) -> str:
        return f"ui.{self._method}(...) in {self._code.co_filename}, line {self._line}"


class Forgotten:
    """The calls of a run (`run.slots`) that are not started yet: the lines that they are in, by the call's `id`."""

    def __init__(self) -> None:
        self.waiting: dict[int, Place] = {}
        self.lost: list[Place] = []

    def check(self) -> None:
        """To be called when the workflow has ended: whoever has not been started by now never will be.

        Raises:
            ForgottenAwait
        """
        if left := [*self.lost, *self.waiting.values()]:
            raise ForgottenAwait(_sentence(*left))

    def check_lost(self) -> None:
        """The same for calls whose result was thrown away, as soon as that is known."""
        if self.lost:
            raise ForgottenAwait(_sentence(*self.lost))


class Pending(Coroutine[Any, Any, T]):
    """See the module's docstring. What it wraps is not made before it is started, so that Python does not warn too."""

    __slots__ = ("__weakref__", "_forgotten", "_made", "_make", "_where")

    def __init__(self, make: Callable[[], Coroutine[Any, Any, T]], where: Place, forgotten: Forgotten) -> None:
        self._make = make
        self._made: Coroutine[Any, Any, T] | None = None
        self._where = where
        self._forgotten = forgotten
        forgotten.waiting[id(self)] = where

    def _started(self) -> Coroutine[Any, Any, T]:
        if self._made is None:
            self._forgotten.waiting.pop(id(self), None)
            self._made = self._make()
        return self._made

    def __await__(self) -> Generator[Any, Any, T]:
        return self._started().__await__()

    def send(self, value: Any) -> Any:
        return self._started().send(value)

    def throw(self, *error: Any) -> Any:
        try:
            return self._started().throw(*error)
        finally:
            error = ()  # as in `Contained.throw`

    def close(self) -> None:
        self._started().close()

    def __del__(self) -> None:
        if self._forgotten.waiting.pop(id(self), None) is not None:
            self._forgotten.lost.append(self._where)

    def __str__(self) -> str:
        raise ForgottenAwait(_sentence(self._where))

    def __format__(self, spec: str) -> str:
        return str(self)

    def __repr__(self) -> str:
        return f"<{self._where}, not awaited>"


def names_forgotten_awaits(cls: type[C]) -> type[C]:
    """Make every public `async def` of a class of hands (with a `_run`) return a `Pending`; for the type checker, and
    for whoever awaits it, it stays the coroutine function that it was.
    """
    for name, method in list(vars(cls).items()):
        if not name.startswith("_") and inspect.iscoroutinefunction(method):
            setattr(cls, name, _pending(method))
    return cls


def text_of(value: object) -> str:
    """A value as text, for something that is to be shown.

    Raises:
        ForgottenAwait: it is still to be awaited, be it a call of `ui` or a coroutine of the application's own.
    """
    if inspect.iscoroutine(value):
        where = (
            f"{value.__qualname__}(...), defined in {value.cr_code.co_filename}, line {value.cr_code.co_firstlineno}"
        )
        value.close()
        raise ForgottenAwait(_sentence(where))
    return str(value)


def _pending(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Pending[Any]]:
    @functools.wraps(method)
    def call(self: Any, /, *args: Any, **options: Any) -> Pending[Any]:
        forgotten = self._run.slots[Forgotten]
        if forgotten.lost:
            forgotten.check_lost()
        where = Place(method.__name__, sys._getframe(1))
        return Pending(functools.partial(method, self, *args, **options), where, forgotten)

    if sys.version_info >= (3, 12):  # so that it is still taken for the coroutine function that it stands for
        inspect.markcoroutinefunction(call)
    else:
        call._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
    return call


def _sentence(*where: Place | str) -> str:
    lines = "; ".join(dict.fromkeys(map(str, where)))
    return f"An `await` is missing before {lines}: without it the call does nothing."
