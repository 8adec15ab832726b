"""`fastagency check`: is everything set up? One sentence for each thing, from every side that is installed."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import entry_points

from fastagency_shared.command import CHECKS, Check, Command, Finding, FreePort
from fastagency_shared.errors import BackendIncompatible, BackendRefused, FastAgencyError, SignedOut
from fastagency_shared.extras import extra

from fastagency_frontend.command.say import say
from fastagency_frontend.settings import FrontendSettings, load_settings
from fastagency_frontend.sign_in import sign_in_of


def _run(_options: Namespace, _free_port: FreePort) -> int:
    wrong = 0
    for entry in sorted(entry_points(group=CHECKS), key=lambda entry: entry.name):
        check: Check = entry.load()
        for finding in check():
            say(f"{finding.state:<6} {finding.about}: {finding.sentence}")
            wrong += finding.state == "wrong"
    return 1 if wrong else 0


def frontend_checks() -> Iterator[Finding]:
    """The page's settings, and the backend that they name."""
    try:
        settings = load_settings()
    except FastAgencyError as error:
        yield Finding("settings of the page", "wrong", str(error))
        return
    yield Finding("settings of the page", "fine", "Every value can be used.")
    if settings.sign_in != "none":
        yield _sign_in(settings)
    try:
        with extra("client", needed_by="Talking to a backend"):
            from fastagency_frontend.client import FastAPIProvider
        with closing(FastAPIProvider(settings.backend_url, timeout=settings.request_timeout_s)) as provider:
            names = provider.names
    except ImportError as error:
        yield Finding("backend", "absent", str(error))
    except BackendRefused:
        yield Finding("backend", "fine", f"{settings.backend_url} answers, and wants to know who asks.")
    except (FastAgencyError, ValueError) as error:
        yield Finding("backend", "wrong", f"{error} (FASTAGENCY_BACKEND_URL, FASTAGENCY_BACKEND_PORT)")
    else:
        yield Finding(
            "backend", "fine", f"{settings.backend_url} answers; its workflows: {', '.join(names) or 'none'}."
        )


def _sign_in(settings: FrontendSettings) -> Finding:
    """Whether people can sign in, and whether the backend believes the page."""
    try:
        way = sign_in_of(settings)
        assert way is not None
        way.check()
        with extra("sign-in", needed_by="Signing in"):
            from fastagency_shared.page_key import PageKey
        with extra("client", needed_by="Talking to a backend"):
            from fastagency_frontend.client import FastAPIProvider
        key = PageKey.load(settings.page_key.get_secret_value() if settings.page_key else None, settings.page_key_file)
        with closing(FastAPIProvider(settings.backend_url, timeout=settings.request_timeout_s)) as provider:
            provider.sessions(key.for_sessions).find("nobody has this session")
    except ImportError as error:
        return Finding("sign-in", "absent", str(error))
    except SignedOut:
        return Finding("sign-in", "wrong", "The backend has another key than the page (FASTAGENCY_PAGE_KEY_FILE).")
    except BackendIncompatible:
        return Finding("sign-in", "wrong", "The backend keeps no sessions: it needs FASTAGENCY_SIGN_IN, too.")
    except (FastAgencyError, ValueError) as error:
        return Finding("sign-in", "wrong", str(error))
    return Finding("sign-in", "fine", f"People sign in ({settings.sign_in}), and the backend believes the page.")


command = Command("say what is wrong with the settings, the database, the model or the backend's address", _run)
