"""Wrap a method in every class of a family, those of today and those defined later, the way tracing libraries do.

Frameworks offer no place to stand between an agent and its model that works for every client class, including the
user's own. Wrapping the classes' methods is that place. It is done again at every run's start, so it must be cheap.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
Method = Callable[..., Any]
Wrapper = Callable[[Method], Method]

_MARK = "__fastagency_wrapped__"


def leave_alone(method: F) -> F:
    """Mark a method that does itself what a wrapper would add."""
    setattr(method, _MARK, True)
    return method


class Family:
    """The classes at and below `root`, and the wrapper for each method name."""

    def __init__(self, root: type, wrappers: Mapping[str, Wrapper]) -> None:
        self._root = root
        self._wrappers = wrappers
        self._watching = False

    def install(self) -> None:
        """Wrap what is not wrapped yet, and see to it that later subclasses are wrapped when they are defined.

        The walk is repeated each time: it also finds classes that do not call `super().__init_subclass__()`.
        """
        if not self._watching:
            self._watch()
            self._watching = True
        for cls in _below(self._root):
            self._wrap(cls)

    def _watch(self) -> None:
        root: Any = self._root
        wrap = self._wrap
        own = root.__dict__.get("__init_subclass__")

        def init_subclass(cls: Any, **options: Any) -> None:
            if own is not None:
                own.__get__(None, cls)(**options)
            else:
                super(root, cls).__init_subclass__(**options)
            wrap(cls)

        root.__init_subclass__ = classmethod(init_subclass)  # type: ignore[arg-type]

    def _wrap(self, cls: type) -> None:
        for name, wrapper in self._wrappers.items():
            method = cls.__dict__.get(name)
            if (
                not inspect.isfunction(method)
                or hasattr(method, _MARK)
                or getattr(method, "__isabstractmethod__", False)
            ):
                continue
            wrapped = wrapper(method)
            setattr(wrapped, _MARK, True)
            setattr(cls, name, wrapped)


def _below(root: type) -> Iterator[type]:
    seen: set[type] = set()
    left = [root]
    while left:
        cls = left.pop()
        if cls not in seen:
            seen.add(cls)
            yield cls
            left.extend(type.__subclasses__(cls))
