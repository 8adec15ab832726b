"""The application as one request sees it: found through the request, because Mesop's pages are global to the process.

Mesop calls the page's functions with no arguments; two applications in one process share them. So the WSGI layer puts
the site into the request, and the functions take it from there.
"""

from __future__ import annotations

from typing import Any

from fastagency_shared.errors import RequestError
from fastagency_shared.provider import Caller, Provider
from flask import request

from fastagency_frontend.app import Application
from fastagency_frontend.page.entrance import Entrance
from fastagency_frontend.page.view import MAX_CONVERSATIONS, ShellView, conversation_views
from fastagency_frontend.page.visitor import caller_of

ENVIRON_KEY = "fastagency.site"


class NoVisitor(RequestError):
    """The browser sent no cookie, so nobody can tell whose conversations to show."""


class Site:
    """What the page shows of an application, and who may see it."""

    def __init__(self, application: Application, forward_headers: list[str], entrance: Entrance | None = None) -> None:
        self.title = application.title
        self.description = application.description
        self.provider: Provider = application.provider
        self.entrance = entrance
        self._forward_headers = forward_headers

    def caller(self, environ: dict[str, Any]) -> Caller:
        """On whose behalf a request is served. Raises `NoVisitor`; where people sign in, `SignedOut`."""
        if self.entrance is not None:
            return self.entrance.door.caller(environ, self._forward_headers)
        caller = caller_of(environ, self._forward_headers)
        if caller is None:
            raise NoVisitor("This page needs a cookie to know your conversations. Please allow cookies and reload it.")
        return caller

    def forget(self, environ: dict[str, Any]) -> None:
        """The backend says that whoever asks is not signed in any more: believe it."""
        if self.entrance is not None:
            self.entrance.door.forget(environ)

    def shell(self, caller: Caller, *, workflows: bool) -> ShellView:
        """What is around a conversation, with the workflows or without. Asks the backend, once for either part."""
        found = self.provider.workflows(caller) if workflows else None
        runs = self.provider.runs(limit=MAX_CONVERSATIONS, caller=caller)
        return ShellView(workflows=found, conversations=conversation_views(runs))


def current_site() -> Site:
    """The site of the request that is being served."""
    site = request.environ[ENVIRON_KEY]
    assert isinstance(site, Site)
    return site


def current_caller() -> Caller:
    """The caller of the request that is being served. Raises `NoVisitor`."""
    return current_site().caller(request.environ)
