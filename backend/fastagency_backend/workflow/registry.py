"""`Workflow`: where an application names its workflows, with one decorator each."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from fastagency_shared.provider import Provider
from fastagency_shared.run import MAX_NAME_CHARS
from fastagency_shared.user import User

from fastagency_backend import frameworks
from fastagency_backend.engine.run import Run
from fastagency_backend.engine.spec import WorkflowSpec, spec_of
from fastagency_backend.workflow.local import LocalProvider
from fastagency_backend.workflow.pending import Forgotten, text_of
from fastagency_backend.workflow.thread import run_coroutine, run_in_thread
from fastagency_backend.workflow.ui import UI, AsyncUI

if TYPE_CHECKING:
    from fastagency_backend.frameworks import ChatCompletionClient

F = TypeVar("F", bound=Callable[..., Any])


class Workflow:
    """The workflows of an application:

        wf = Workflow()

        @wf.register(name="simple_learning", description="Student and teacher learning chat")
        def simple_workflow(ui: UI, params: dict[str, Any]) -> str:
            subject = ui.text_input(sender="Workflow", recipient="User", prompt="What would you like to learn?")
            ...

    A `def` runs in a thread of its own with the blocking `UI`; an `async def` on the event loop with `AsyncUI`; an
    `async def` whose `ui` is annotated `UI` in a thread and loop of its own, with the blocking `UI`.
    """

    def __init__(self) -> None:
        self._specs: dict[str, WorkflowSpec] = {}

    def register(
        self,
        name: str,
        description: str,
        *,
        durable: bool = True,
        max_at_work: int | None = None,
        roles: Collection[str] | None = None,
        fail_on_redefintion: bool = True,
    ) -> Callable[[F], F]:
        """Publish a function `(ui, params) -> str` under a name.

        `durable=False`: the function cannot stand being started again from its top, so after a crash its run ends
        with an error that says so. `fail_on_redefintion=False` lets a name be registered again. `max_at_work`: how many
        of its runs are at work at a time, over all workers (one that waits for a person, or sleeps, is not); more wait
        for their turn. `roles`: who sees and starts it, anybody with one of them; None: everybody.

        Raises:
            ValueError: the name is empty, too long or taken; there is no role in `roles`.
            TypeError: the function does not take `(ui, params)`.
        """
        if not name or len(name) > MAX_NAME_CHARS:
            raise ValueError(f"A workflow's name has 1 to {MAX_NAME_CHARS} characters, not {len(name)}.")
        if "\0" in name:
            raise ValueError(f"A workflow's name cannot have a NUL character (\\0): {name!r}.")
        if max_at_work is not None and max_at_work < 1:
            raise ValueError(f"max_at_work is at least 1, not {max_at_work}; leave it out for no limit.")
        needed = None if roles is None else User("anybody", roles=roles).roles  # type: ignore[arg-type]
        if needed is not None and not needed:
            raise ValueError(f"The workflow {name!r} is for nobody: name a role in `roles`, or leave it out.")
        if name in self._specs and fail_on_redefintion:
            raise ValueError(f"A workflow {name!r} is registered already; choose another name.")

        def decorator(fn: F) -> F:
            self._specs[name] = WorkflowSpec(
                name,
                description,
                _checked(_body(fn)),
                durable,
                explain=frameworks.explain,
                max_at_work=max_at_work,
                roles=needed,
            )
            return fn

        return decorator

    @property
    def names(self) -> list[str]:
        """The names, in the order of registration."""
        return list(self._specs)

    def get_description(self, name: str) -> str:
        """The description of one workflow. Raises `UnknownWorkflow`."""
        return spec_of(name, self._specs).description

    def model_client(self) -> ChatCompletionClient:
        """An AutoGen `ChatCompletionClient` from the settings; see `UI.model_client`."""
        return frameworks.model_client()

    def record(self, client: ChatCompletionClient) -> ChatCompletionClient:
        """A model client of your own, recorded in every run that uses it; see `UI.record`."""
        return frameworks.record(client)

    @property
    def specs(self) -> Mapping[str, WorkflowSpec]:
        """What the engine runs, by name; grows with every registration."""
        return self._specs

    def create_provider(self) -> Provider:
        """A provider that runs these workflows in this very process: for a laptop, a console, a test."""
        return LocalProvider(self._specs)


def _checked(body: Callable[[Run], Any]) -> Callable[[Run], Any]:
    """The body, and then a look for what it did not await."""

    async def checked(run: Run) -> str | None:
        result = await body(run)
        run.slots[Forgotten].check()
        return None if result is None else text_of(result)

    return checked


def _body(fn: Callable[..., Any]) -> Callable[[Run], Any]:
    _check_signature(fn)
    if not inspect.iscoroutinefunction(fn):

        async def in_thread(run: Run) -> str | None:
            frameworks.install()
            result: str | None = await run_in_thread(run, lambda: fn(UI(run), _params(run)))
            return result

        return in_thread
    if _annotated(fn) is UI:

        async def in_thread_and_loop(run: Run) -> str | None:
            frameworks.install()
            result: str | None = await run_in_thread(run, lambda: run_coroutine(run, lambda: fn(UI(run), _params(run))))
            return result

        return in_thread_and_loop

    async def on_loop(run: Run) -> str | None:
        frameworks.install()
        result: str | None = await fn(AsyncUI(run), _params(run))
        return result

    return on_loop


def _params(run: Run) -> dict[str, Any]:
    params: dict[str, Any] = json.loads(run.record.params)
    return params


def _check_signature(fn: Callable[..., Any]) -> None:
    try:
        inspect.signature(fn).bind(object(), {})
    except TypeError:
        name = getattr(fn, "__name__", repr(fn))
        raise TypeError(f"The workflow {name} must take two arguments: `def {name}(ui: UI, params: dict)`.") from None


def _annotated(fn: Callable[..., Any]) -> object:
    """The class that the first parameter is annotated with, if any; names that are not defined count as none."""
    first = next(iter(inspect.signature(fn).parameters))
    try:
        return typing.get_type_hints(fn).get(first)
    except NameError:
        annotation = inspect.signature(fn).parameters[first].annotation
        return UI if annotation in ("UI", UI) else None
