"""`FastAgency`: an application is a provider of workflows and a user interface, put together.

It is a WSGI callable, for gunicorn and waitress, and what `fastagency run` starts. It imports neither Mesop nor an HTTP
client: which of them is needed is up to the provider and the user interface that are given to it.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from fastagency_shared.provider import Provider, ProviderSource

DEFAULT_TITLE = "FastAgency"

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
AsgiReceive = Callable[[], Awaitable[Mapping[str, Any]]]
AsgiSend = Callable[[MutableMapping[str, Any]], Awaitable[None]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Application:
    """What a user interface shows of the application: its provider and its names."""

    provider: Provider
    title: str
    description: str


class UserInterface(Protocol):
    """What `FastAgency(ui=...)` takes."""

    def mount(self, application: Application) -> None:
        """Called once, before anything else."""
        ...


@runtime_checkable
class WebInterface(UserInterface, Protocol):
    """A user interface that a WSGI server can serve, such as `MesopUI`."""

    def wsgi(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        ...


@runtime_checkable
class TerminalInterface(UserInterface, Protocol):
    """A user interface that runs one workflow where it was started, such as `ConsoleUI`."""

    def run(
        self, workflow: str | None = None, params: Mapping[str, Any] | None = None, *, token: str | None = None
    ) -> int:
        """Run one workflow to its end and return the exit code of the process.

        `token` says to a backend who asks; it is passed only if one is set.
        """
        ...


class FastAgency:
    """An application: `FastAgency(provider=..., ui=MesopUI())`.

    Args:
        provider: where the workflows are: a `FastAPIProvider`, or workflows of this very process, which start
            when they are first used (a server may import the application before it starts its workers).
        ui: how people see them: `MesopUI()` or `ConsoleUI()`.
        title: the name of the application.
        description: one or two sentences about it.

    Raises:
        TypeError: `provider` or `ui` is not what is needed.
    """

    def __init__(
        self,
        provider: Provider | ProviderSource,
        ui: UserInterface,
        *,
        title: str | None = None,
        description: str | None = None,
    ) -> None:
        self._ui = _check_ui(ui)
        self._application = Application(_as_provider(provider), title or DEFAULT_TITLE, description or "")
        ui.mount(self._application)

    @property
    def provider(self) -> Provider:
        """Starts, follows and answers runs."""
        return self._application.provider

    @property
    def ui(self) -> UserInterface:
        """The user interface, already mounted."""
        return self._ui

    @property
    def title(self) -> str:
        return self._application.title

    @property
    def description(self) -> str:
        return self._application.description

    def close(self) -> None:
        """Let go of what the provider holds: connections, or workflows of this process, which the next start resumes.

        For whoever ends the process. The application can still be used: what it needs is made again.
        """
        close = getattr(self.provider, "close", None)  # no part of the seam: not every provider holds something
        if callable(close):
            close()

    def __call__(self, environ: Environ, start_response: Any = None, send: Any = None) -> Any:
        """Serve one request: `(environ, start_response)`, as WSGI has it.

        An ASGI server calls with other arguments; it is told in one sentence that this is the wrong kind of server.
        """
        if "REQUEST_METHOD" not in environ:
            return _refuse_asgi(environ, start_response, send)
        if not isinstance(self._ui, WebInterface):
            return self._refuse_wsgi(start_response)
        return self._ui.wsgi(environ, start_response)

    def _refuse_wsgi(self, start_response: StartResponse) -> Iterable[bytes]:
        sentence = (
            f"This application has a {type(self._ui).__name__}, which runs in a terminal and not in a web server. "
            "Start it with: fastagency run FILE_OR_MODULE[:APP]"
        )
        logger.error(sentence)
        body = f"{sentence}\n".encode()
        start_response(
            "501 Not Implemented", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        )
        return [body]


def _as_provider(provider: object) -> Provider:
    if inspect.isclass(provider):
        raise TypeError(
            f"FastAgency(provider={provider.__name__}) was given a class. Create an object of it and pass that."
        )
    # Not isinstance(): on Python 3.11 that would read the property `names`, and so ask the backend.
    if all(_has(provider, name) for name in _PROVIDER_NAMES):
        return provider  # type: ignore[return-value]
    if isinstance(provider, ProviderSource):
        _check_source(provider)
        return provider.create_provider()
    raise TypeError(
        f"FastAgency(provider=...) needs a FastAPIProvider, such as FastAPIAdapter.create_provider(fastapi_url=...) "
        f"returns, or a Workflow; it was given {_shown(provider)}."
    )


def _check_source(source: ProviderSource) -> None:
    """A `FastAPIAdapter` has a `create_provider` too, but one that asks where its backend is."""
    try:
        inspect.signature(source.create_provider).bind()
    except TypeError:
        name = type(source).__name__
        raise TypeError(
            f"FastAgency(provider=...) was given an object of the class {name}. For a backend in another process pass "
            f"{name}.create_provider(fastapi_url=...), for workflows of this process the Workflow itself."
        ) from None


def _check_ui(ui: object) -> UserInterface:
    if inspect.isclass(ui):
        raise TypeError(f"FastAgency(ui={ui.__name__}) was given a class. Pass an object: ui={ui.__name__}().")
    if not callable(getattr(ui, "mount", None)):
        raise TypeError(
            f"FastAgency(ui=...) needs a user interface: MesopUI() or ConsoleUI(). It was given {_shown(ui)}."
        )
    return ui  # type: ignore[return-value]


_PROVIDER_NAMES = [name for name in vars(Provider) if not name.startswith("_")]


def _has(thing: object, name: str) -> bool:
    return inspect.getattr_static(thing, name, None) is not None


def _shown(thing: object) -> str:
    return "None" if thing is None else f"an object of the class {type(thing).__name__}"


def _refuse_asgi(scope: Mapping[str, Any], receive: AsgiReceive | None, send: AsgiSend | None) -> Any:
    """Answer an ASGI server of version 3, which gives `receive` and `send`, or of version 2, which gives them later."""
    sentence = (
        "This FastAgency application is a WSGI application, but it was started by an ASGI server such as uvicorn. "
        "Start it with gunicorn or, on Windows, with waitress-serve."
    )

    async def refuse(receive: AsgiReceive, send: AsgiSend) -> None:
        if scope.get("type") != "lifespan":
            raise RuntimeError(sentence)
        await receive()
        await send({"type": "lifespan.startup.failed", "message": sentence})

    return refuse(receive, send) if receive and send else refuse
