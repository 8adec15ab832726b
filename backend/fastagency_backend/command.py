"""What the backend adds to the command line: its processes, the care of its database, and its part of `check`.

Imports nothing at the top that only an extra brings.
"""

from __future__ import annotations

import asyncio
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fastagency_shared.command import Command, Finding, FreePort
from fastagency_shared.errors import FastAgencyError, InvalidSettings
from fastagency_shared.extras import extra
from fastagency_shared.logs import LogFormat, formatter_of

from fastagency_backend.settings import BackendSettings, load_settings
from fastagency_backend.url import Database, PostgresUrl, SqliteFile, read_database

if TYPE_CHECKING:
    from fastagency_backend.store.people import People

STOP_TIMEOUT_S = 10
RESTORE_SERVER = (
    "Use pg_restore, such as: pg_restore --clean --dbname=runs runs.dump; and then `fastagency migrate --new-epoch`"
)
PROGRESS_EVERY_S = 2.0

T = TypeVar("T")


def _backend(_options: Namespace, free_port: FreePort) -> int:
    return _serve("The backend", "fastagency_backend.main:app", free_port)


def _api(_options: Namespace, free_port: FreePort) -> int:
    return _serve("The API", "fastagency_backend.api:app", free_port)


def _serve(what: str, app: str, free_port: FreePort) -> int:
    with extra("server", needed_by=what):
        import uvicorn  # noqa: F401
    with extra("fastapi", needed_by=what):
        import fastapi  # noqa: F401 - named here, before an application's own imports can be what is missing
    from fastagency_backend.web.server import serve

    settings = load_settings()
    port = free_port("backend", settings.backend_host, settings.backend_port)
    serve(
        app,
        host=settings.backend_host,
        port=port,
        log_level=settings.log_level.lower(),
        log_config=_log_config(settings.log_format),
        access_log=settings.access_log,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    return 0


def _worker(_options: Namespace, free_port: FreePort) -> int:
    from fastagency_backend.worker import work

    settings = load_settings()
    if settings.worker_port is not None:
        free_port("worker", settings.worker_host, settings.worker_port)
    return _in_one_sentence(lambda: work(settings))


def _migrate(options: Namespace, _free_port: FreePort) -> int:
    from fastagency_backend.assembly import begin_epoch, migrate

    settings = load_settings()
    _in_one_sentence(lambda: asyncio.run(migrate(settings)))
    sys.stdout.write(f"{settings.database} is up to date.\n")
    if options.new_epoch:
        epoch = _in_one_sentence(lambda: asyncio.run(begin_epoch(settings)))
        sys.stdout.write(f"It is in epoch {epoch}: whoever reads a conversation begins again from its start.\n")
    return 0


def _log_config(form: LogFormat) -> dict[str, Any]:
    """uvicorn's own, with our formatter if its lines are to be JSON from the first one on."""
    from uvicorn.config import LOGGING_CONFIG

    if form == "text":
        return LOGGING_CONFIG
    json_lines = {"()": formatter_of, "form": form}
    return LOGGING_CONFIG | {"formatters": {"default": json_lines, "access": json_lines}}


def backend_checks() -> Iterator[Finding]:
    """The backend's settings, its workflows, its database, the AutoGen that is installed, and its model."""
    from fastagency_backend.assembly import examine_database, examine_signals
    from fastagency_backend.frameworks.model_check import examine_model
    from fastagency_backend.frameworks.seam_check import examine_seams
    from fastagency_backend.store import StoreError

    try:
        settings = load_settings()
    except FastAgencyError as error:
        yield Finding("settings of the backend", "wrong", str(error))
        return
    yield Finding("settings of the backend", "fine", "Every value can be used.")
    examinations: list[tuple[str, Callable[[], str]]] = [
        ("workflows", lambda: _examine_workflows(settings.workflows)),
        ("who calls", lambda: _examine_sign_in(settings)),
        ("database", lambda: examine_database(settings)),
        ("signals", lambda: examine_signals(settings)),
        ("recording", examine_seams),
        ("model", examine_model),
    ]
    for about, examine in examinations:
        try:
            yield Finding(about, "fine", examine())
        except ImportError as error:
            yield Finding(about, "absent", str(error))
        except (FastAgencyError, StoreError) as error:
            yield Finding(about, "wrong", str(error))


def _examine_workflows(target: str) -> str:
    from fastagency_backend.workflow.load import load_workflows

    with extra("fastapi", needed_by="Serving workflows"):
        import fastapi  # noqa: F401
    try:
        names = load_workflows(target).names
    except FastAgencyError:
        raise
    except Exception as error:
        raise InvalidSettings(f"{target} cannot be used: its code raised {type(error).__name__}: {error}") from error
    return f"{target} has {', '.join(names) or 'none yet'}."


def _examine_sign_in(settings: BackendSettings) -> str:
    from fastagency_backend.assembly import bearers_for

    with extra("fastapi", needed_by="Asking who calls"):
        from fastagency_backend.web.sign_in import load_get_user_id
    if load_get_user_id(settings) is None:
        if settings.sign_in != "none":
            bearers_for(settings, _no_people)
            return f"FASTAGENCY_SIGN_IN={settings.sign_in}: the page's tokens say who calls, and API tokens."
        return "Nobody is asked to sign in: a caller is whoever the request claims, unless your application says more."
    return f"{settings.get_user_id} says who calls."


async def _no_people() -> People:
    raise AssertionError("no token is read here")


def _back_up(options: Namespace, _free_port: FreePort) -> int:
    from fastagency_backend.store.sqlite.backup import back_up

    settings = load_settings()
    database = _file(settings, "backup", "Use pg_dump, such as: pg_dump --format=custom --file=runs.dump")
    number = _in_one_sentence(lambda: back_up(database, options.file))
    sys.stdout.write(f"The {number} conversations of {database} are in {options.file}.{_about_the_key(settings)}\n")
    return 0


def _about_the_key(settings: BackendSettings) -> str:
    """What a copy of the database lacks, if anything is sealed in it."""
    if settings.secret_key is not None or not settings.key_file.is_file():
        return ""
    return (
        f" Passwords in them are sealed with a key that is not among them, {settings.key_file}: keep it, elsewhere, "
        "and name it where they are used (FASTAGENCY_SECRET_KEY_FILE)."
    )


def _restore(options: Namespace, _free_port: FreePort) -> int:
    from fastagency_backend.store.sqlite.backup import restore

    database = _file(load_settings(), "restore", RESTORE_SERVER)
    kept = _in_one_sentence(lambda: restore(options.file, database, replace=options.replace))
    old = f" What it was before is kept as {kept}." if kept else ""
    sys.stdout.write(f"{database} is what {options.file} was.{old}\n")
    return 0


def _copy(options: Namespace, _free_port: FreePort) -> int:
    from fastagency_backend.assembly import archive_for
    from fastagency_backend.store.transfer import Tally, transfer

    source, target = _address(options.source), _address(options.target)
    said_at = time.monotonic()

    def tell(tally: Tally) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= PROGRESS_EVERY_S:
            sys.stderr.write(f"{tally.runs:,} conversations ...\n")
            said_at = time.monotonic()

    tally = _in_one_sentence(lambda: transfer(archive_for(source), archive_for(target), tell))
    if tally.mended:
        sys.stdout.write(
            "PostgreSQL keeps no NUL character (\\0). In texts of these conversations "
            f"\N{REPLACEMENT CHARACTER} is in its place: {', '.join(sorted(tally.mended))}\n"
        )
    rows = tally.rows
    sys.stdout.write(
        f"The {tally.runs:,} conversations of {source} are in {target} ({tally.known:,} were before), read back and "
        f"equal: {rows['event']:,} messages, {rows['step']:,} results, {rows['question']:,} questions, "
        f"{tally.workflows:,} workflows; sha256:{tally.digest}\n"
    )
    if about_the_key := _about_the_key(load_settings().model_copy(update={"database": source})):
        sys.stdout.write(f"{about_the_key.strip()}\n")
    return 0


def _address(text: str) -> Database:
    """Not read by `argparse`: that would show a password of what it refuses."""
    try:
        return read_database(text)
    except ValueError as error:
        raise FastAgencyError(f"An address of a database cannot be used: {error}.") from None


def _replay(options: Namespace, _free_port: FreePort) -> int:
    from fastagency_backend.precheck import precheck, report, report_json

    settings = load_settings()
    with extra("fastapi", needed_by="Serving workflows"):
        import fastapi  # noqa: F401
    verdicts = _in_one_sentence(
        lambda: precheck(settings.database, settings.workflows, ended=options.ended, processes=options.processes)
    )
    sys.stdout.write(report_json(verdicts) if options.json else report(verdicts))
    return 0 if all(verdict.kind == "ok" for verdict in verdicts) else 1


def _file(settings: BackendSettings, command: str, instead: str) -> Path:
    """The SQLite file of the settings, for a command that knows no other database."""
    match settings.database:
        case SqliteFile(path):
            return path
        case PostgresUrl() as url:
            raise InvalidSettings(
                f"`fastagency {command}` is for a SQLite file, and FASTAGENCY_DATABASE is {url}. {instead}"
            )


def _in_one_sentence(work: Callable[[], T]) -> T:
    from fastagency_backend.store import StoreError

    try:
        return work()
    except StoreError as error:
        raise FastAgencyError(str(error)) from error


def _add_migrate_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--new-epoch",
        action="store_true",
        help="the database was restored from a backup: no cursor of before counts (while nothing else runs)",
    )


def _add_backup_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup; an older one is replaced")


def _add_restore_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup")
    parser.add_argument("--replace", action="store_true", help="replace the database that is there, and keep it beside")


def _add_copy_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="a path, sqlite:///path or postgresql://user@host/name")
    parser.add_argument("target", metavar="TARGET", help="the same; it is made if need be, and what is in it stays")


def _add_replay_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        required=True,
        help="rehearse every open conversation on a copy of the database: no call, no question, no message",
    )
    parser.add_argument("--ended", action="store_true", help="conversations that have ended, too")
    parser.add_argument("--json", action="store_true", help="write JSON")
    parser.add_argument("--processes", type=int, metavar="N", help="default: one for each processor")


command = Command("serve the workflows: to clients, and drive their runs", _backend)
api_command = Command("serve clients only; workers drive the runs", _api)
worker_command = Command("drive runs only; an API serves the clients", _worker)
migrate_command = Command("bring the database up to date, or make it", _migrate, _add_migrate_arguments)
backup_command = Command("copy the database to a file, also while the backend runs", _back_up, _add_backup_arguments)
restore_command = Command("put a backup in the place of the database", _restore, _add_restore_arguments)
copy_command = Command(
    "copy the conversations of one database to another, and compare: SQLite, PostgreSQL", _copy, _add_copy_arguments
)
replay_command = Command(
    "say, before a deploy, which open conversations today's code would break", _replay, _add_replay_arguments
)
