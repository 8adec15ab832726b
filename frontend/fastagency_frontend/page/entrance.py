"""Opens the door of an application: which sessions it has, and with which key the backend is told who asks."""

from __future__ import annotations

from dataclasses import dataclass

from fastagency_shared.errors import InvalidSettings
from fastagency_shared.session import Sessions, SessionSource

from fastagency_frontend.app import Application
from fastagency_frontend.page.desk import Desk
from fastagency_frontend.page.door import Door
from fastagency_frontend.page.house import House
from fastagency_frontend.page.session import KnownSessions
from fastagency_frontend.settings import FrontendSettings
from fastagency_frontend.sign_in import SignIn
from fastagency_frontend.sign_in.memory import MemorySessions
from fastagency_frontend.sign_in.peer import Trusted


@dataclass(frozen=True)
class Entrance:
    """The door in front of an application, and the desk beside it."""

    door: Door
    desk: Desk


def open_entrance(sign_in: SignIn, application: Application, settings: FrontendSettings, base_path: str) -> Entrance:
    """The entrance of an application, for this way of signing in.

    Raises:
        InvalidSettings: something that signing in needs is not there.
        ImportError: an extra is not installed.
    """
    sign_in.check()
    house = House(application.title, base_path, settings.public_url, _proxies(settings))
    sessions: Sessions = MemorySessions()
    key = None
    if isinstance(application.provider, SessionSource):
        from fastagency_shared.page_key import PageKey  # needs the extra

        key = PageKey.load(settings.page_key.get_secret_value() if settings.page_key else None, settings.page_key_file)
        sessions = application.provider.sessions(key.for_sessions)
    known = KnownSessions(sessions)
    door = Door(sign_in, known, key, house)
    return Entrance(door, Desk(sign_in, known, house, lambda environ: door.person(environ) is not None))


def _proxies(settings: FrontendSettings) -> Trusted:
    try:
        return Trusted(settings.trusted_proxies)
    except ValueError as error:
        raise InvalidSettings(f"FASTAGENCY_TRUSTED_PROXIES: {error}.") from None
