"""`fastagency user add|passwd|roles|remove|list`: the password file of the page.

A page that runs reads the file again by itself. Whoever got another password, or was removed, is signed out everywhere;
the backend is told so, if it is there.
"""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from contextlib import closing

from fastagency_shared.command import Command, FreePort
from fastagency_shared.errors import FastAgencyError
from fastagency_shared.extras import extra

from fastagency_frontend.command.say import say
from fastagency_frontend.settings import FrontendSettings, load_settings
from fastagency_frontend.sign_in.password import hashed
from fastagency_frontend.sign_in.password_file import (
    MAX_NAME_CHARS,
    MAX_PASSWORD_CHARS,
    MIN_PASSWORD_CHARS,
    Entry,
    PeopleFile,
    canonical,
)


class CannotChange(FastAgencyError):
    """What was asked for does not fit the file."""


def _add(options: Namespace, _free_port: FreePort) -> int:
    file, name = _file(), _new_name(options.name)
    if file.path.exists() and name in file.read():
        raise CannotChange(f"{file.path} has {name} already. To change the password: fastagency user passwd {name}")
    entry = Entry(password=_password(name), name=options.full_name, roles=_roles(options.role), email=options.email)
    _check(name, entry)
    with file.changing() as people:
        if name in people:
            raise CannotChange(f"{file.path} has {name} already.")
        people[name] = entry
    say(f"{name} can sign in.")
    return 0


def _passwd(options: Namespace, _free_port: FreePort) -> int:
    file, name = _file(), canonical(options.name)
    _entry(file, file.read(), name)  # before anything is asked
    password = _password(name)
    with file.changing() as people:
        people[name] = _entry(file, people, name).model_copy(update={"password": password})
    say(f"{name} has another password.{_signed_out(name)}")
    return 0


def _set_roles(options: Namespace, _free_port: FreePort) -> int:
    file, name = _file(), canonical(options.name)
    with file.changing() as people:
        changed = _entry(file, people, name).model_copy(update={"roles": _roles(options.roles)})
        _check(name, changed)
        people[name] = changed
    say(f"{name} has {_listed(changed)}.")
    return 0


def _remove(options: Namespace, _free_port: FreePort) -> int:
    file, name = _file(), canonical(options.name)
    with file.changing() as people:
        _entry(file, people, name)
        del people[name]
    say(f"{name} cannot sign in any more.{_signed_out(name)}")
    return 0


def _list(_options: Namespace, _free_port: FreePort) -> int:
    for name, entry in sorted(_file().read().items()):
        about = ", ".join(filter(None, (entry.name, entry.email, _listed(entry))))
        say(f"{name}: {about}")
    return 0


def _file() -> PeopleFile:
    return PeopleFile(load_settings().password_file)


def _entry(file: PeopleFile, people: Mapping[str, Entry], name: str) -> Entry:
    entry = people.get(name)
    if entry is None:
        raise CannotChange(f"{file.path} has nobody called {name!r}.")
    return entry


def _new_name(typed: str) -> str:
    name = canonical(typed)
    if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
        raise CannotChange(f"A name to sign in with has 1 to {MAX_NAME_CHARS} characters; {typed[:50]!r} does not fit.")
    return name


def _check(name: str, entry: Entry) -> None:
    try:
        entry.user(name)
    except ValueError as error:
        raise CannotChange(str(error)) from None


def _roles(given: list[str] | None) -> list[str]:
    return sorted({role.strip() for each in given or [] for role in each.split(",") if role.strip()})


def _listed(entry: Entry) -> str:
    return f"the roles {', '.join(entry.roles)}" if entry.roles else "no roles"


def _password(name: str) -> str:
    """The hash of a password that is typed twice, or of the first line of what is piped in."""
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password for {name}: ")
        if getpass.getpass("Once more: ") != password:
            raise CannotChange("The two passwords differ. Nothing was changed.")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        raise CannotChange(f"A password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters.")
    return hashed(password)


def _signed_out(name: str) -> str:
    """End their sessions, and say what has become of that."""
    settings = load_settings()
    if settings.page_key is None and not settings.page_key_file.exists():
        return ""
    try:
        _end_sessions(name, settings)
    except (FastAgencyError, ImportError, ValueError) as error:
        return f" But those who are signed in as {name} stay so for now: {error}"
    return " Those who were signed in with it are signed out."


def _end_sessions(name: str, settings: FrontendSettings) -> None:
    with extra("client", needed_by="Talking to a backend"):
        from fastagency_frontend.client import FastAPIProvider
    from fastagency_shared.page_key import PageKey

    key = PageKey.load(settings.page_key.get_secret_value() if settings.page_key else None, settings.page_key_file)
    with closing(FastAPIProvider(settings.backend_url, timeout=settings.request_timeout_s)) as provider:
        provider.sessions(key.for_sessions).end_all(name)


def _add_name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the person signs in with")


def _add_person(parser: ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument("--full-name", metavar="TEXT", help="what the person is called on the page")
    parser.add_argument("--email", metavar="ADDRESS", help="the person's address")
    parser.add_argument("--role", metavar="ROLE", action="append", help="can be given several times")


def _add_roles(parser: ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument(
        "roles", metavar="ROLE", nargs="*", help="all that the person has from now on; none takes all away"
    )


add_command = Command("let somebody sign in with a password, which is asked for, or piped in", _add, _add_person)
passwd_command = Command("give somebody another password, and sign them out everywhere", _passwd, _add_name)
roles_command = Command("say which roles somebody has", _set_roles, _add_roles)
remove_command = Command("let somebody in no longer, and sign them out everywhere", _remove, _add_name)
list_command = Command("list who can sign in", _list)
