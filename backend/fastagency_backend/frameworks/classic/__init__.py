"""AutoGen's classic API (`autogen` 0.14, `ConversableAgent`): shown, asked through the page, and recorded.

Importing this package imports nothing of the framework; the first use does.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

    from autogen import LLMConfig

    from fastagency_backend.engine.run import Run

__all__ = ["install", "is_response", "llm_config", "process", "process_blocking"]

_FRAMEWORK = "autogen"

_installing = threading.RLock()
_installed = False


def install() -> None:
    """Put runs into the classic API: now if it is imported, else as soon as it is. Repeating it costs nothing."""
    global _installed
    if _installed:
        return
    if _FRAMEWORK not in sys.modules:
        _watch_imports()
        return
    from fastagency_backend.frameworks.classic.instrument import instrument

    with _installing:
        if not _installed:
            instrument()
            _installed = True


def is_response(source: object) -> bool:
    """Whether this is what `a.run(...)`, `await a.a_run(...)` or another `run` of the classic API returned."""
    if _FRAMEWORK not in sys.modules:
        return False
    from fastagency_backend.frameworks.classic import response

    return isinstance(source, response.BLOCKING + response.ASYNC)


async def process(source: object, run: Run) -> str:
    """Follow a response to its end, in a task of the run, and return its summary."""
    from fastagency_backend.frameworks.classic import response

    return await response.process(source, run)


def process_blocking(source: object, run: Run) -> str:
    """Follow a blocking response to its end, in a thread of the run, and return its summary."""
    from fastagency_backend.frameworks.classic import response

    return response.process_blocking(source, run)


def llm_config(**options: Any) -> LLMConfig:
    """The model of the settings (FASTAGENCY_MODEL_*) for `ConversableAgent(llm_config=...)`; offline when none is set.

    `options`, such as `temperature`, are those of autogen's `LLMConfig`.

    Raises:
        ModelNotUsable: the settings are wrong; the text says how.
    """
    from fastagency_backend.frameworks.classic import model

    return model.llm_config(**options)


def _watch_imports() -> None:
    if not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


class _Watch(importlib.abc.MetaPathFinder):
    """Sees the framework being imported, by a workflow that does so when it starts, say."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != _FRAMEWORK:
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _InstallAfter(spec.loader)
        return spec


class _InstallAfter(importlib.abc.Loader):
    """The framework's own loader, and then `install`."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        install()
