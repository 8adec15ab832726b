"""What the backend adds to the command line about people: API tokens, the audit log, and what is known of one person.

Imports nothing at the top that only an extra brings, or that takes its time: every command is listed by this.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from fastagency_shared.command import Command, FreePort
from fastagency_shared.errors import FastAgencyError

from fastagency_backend.settings import BackendSettings, load_settings

if TYPE_CHECKING:
    from fastagency_backend.store.audit import AuditRecord
    from fastagency_backend.store.base import Store

T = TypeVar("T")

PAGE = 1000


def with_store(work: Callable[[Store], Awaitable[T]], settings: BackendSettings | None = None) -> T:
    """Do something with the database of the settings, beside whatever else uses it."""
    from fastagency_backend.assembly import opened
    from fastagency_backend.store.base import StoreError

    async def do() -> T:
        async with opened(settings or load_settings()) as store:
            return await work(store)

    try:
        return asyncio.run(do())
    except StoreError as error:
        raise FastAgencyError(str(error)) from error


# --- API tokens -------------------------------------------------------------------------------------------------------


def _token(options: Namespace, _free_port: FreePort) -> int:
    with_store({"add": _add, "list": _list, "remove": _remove}[options.about_token](options))
    return 0


def _add(options: Namespace) -> Callable[[Store], Awaitable[None]]:
    from fastagency_backend.people.token import make

    async def add(store: Store) -> None:
        try:
            token, secret = await make(store.people, options.user, options.name, options.days)
        except ValueError as error:
            raise FastAgencyError(str(error)) from None
        lasts = "until it is removed" if token.expires is None else f"until {_day(token.expires)}"
        sys.stderr.write(f"The token {token.id} acts for {options.user} {lasts}. It is shown this once:\n")
        sys.stdout.write(f"{secret}\n")

    return add


def _list(options: Namespace) -> Callable[[Store], Awaitable[None]]:
    async def show(store: Store) -> None:
        for token in await store.people.tokens(options.user):
            expires = "never" if token.expires is None else _day(token.expires)
            sys.stdout.write(
                f"{token.id}  {token.user_id}  {token.name!r}  made {_day(token.created)}, expires {expires}, "
                f"used {token.used or 'never'}\n"
            )

    return show


def _remove(options: Namespace) -> Callable[[Store], Awaitable[None]]:
    async def remove(store: Store) -> None:
        if not await store.people.remove_token(options.token, time.time()):
            raise FastAgencyError(f"There is no token {options.token!r}: `fastagency token list` shows what there is.")

    return remove


def _add_token_arguments(parser: ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="about_token", metavar="COMMAND", required=True)
    add = commands.add_parser("add", help="make a token, and show it once")
    add.add_argument("user", metavar="USER", help="the id of whom it acts for")
    add.add_argument("--name", required=True, help="what it is for")
    add.add_argument("--days", type=float, help="after which it expires; default: never")
    listing = commands.add_parser("list", help="show the tokens, without their secrets")
    listing.add_argument("user", metavar="USER", nargs="?", help="only those of this user")
    commands.add_parser("remove", help="make a token worthless").add_argument("token", metavar="ID")


# --- the audit log ----------------------------------------------------------------------------------------------------


def _audit(options: Namespace, _free_port: FreePort) -> int:
    with_store({"verify": _verify, "list": _show}[options.about_audit](options))
    return 0


def _verify(options: Namespace) -> Callable[[Store], Awaitable[None]]:
    from fastagency_backend.store.audit import check

    async def verify(store: Store) -> None:
        last: AuditRecord | None = None
        known = options.expect is None
        try:
            while page := await store.people.audit(after=0 if last is None else last.seq, limit=PAGE):
                last = check(page, last)
                known = known or options.expect in {_name(record) for record in page}
        except ValueError as error:
            raise FastAgencyError(f"The audit log is not what it was: {error}.") from None
        if not known:
            raise FastAgencyError(f"The audit log is not what it was: it has no entry {options.expect}.")
        if last is None:
            sys.stdout.write("The audit log is empty.\n")
        else:
            sys.stdout.write(f"The {last.seq} entries of the audit log are a whole chain. It ends with {_name(last)}\n")

    return verify


def _show(options: Namespace) -> Callable[[Store], Awaitable[None]]:
    async def show(store: Store) -> None:
        names = await store.people.pseudonyms()
        after = options.after
        while page := await store.people.audit(after=after, limit=PAGE):
            for record in page:
                said = json.loads(record.body)
                said |= {key: names.get(said[key], said[key]) for key in ("by", "whose") if key in said}
                sys.stdout.write(json.dumps(said | {"at": _moment(said["at"])}, ensure_ascii=False) + "\n")
            after = page[-1].seq

    return show


def _name(record: AuditRecord) -> str:
    return f"{record.seq}:{record.hash}"


def _add_audit_arguments(parser: ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="about_audit", metavar="COMMAND", required=True)
    verify = commands.add_parser("verify", help="check that nothing was changed or removed")
    verify.add_argument(
        "--expect", metavar="NUMBER:HASH", help="an entry that it ended with before, as kept somewhere else"
    )
    show = commands.add_parser("list", help="show the entries, one JSON object a line")
    show.add_argument("--after", type=int, default=0, metavar="NUMBER", help="only those behind this one")


# --- one person -------------------------------------------------------------------------------------------------------


def _export(options: Namespace, _free_port: FreePort) -> int:
    from fastagency_backend.store.audit import Entry

    file: Path | None = options.file

    async def export(store: Store) -> int:
        async for _ in store.people.export(options.id):  # somebody who is known
            await store.people.record(Entry("export what is known of a person", time.time(), whose=options.id))
            break
        if file is None:
            return await _write_rows(store, options.id, sys.stdout)
        with os.fdopen(os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            return await _write_rows(store, options.id, out)

    try:
        rows = with_store(export)
    except OSError as error:
        raise FastAgencyError(f"{file} cannot be written: {error.strerror}.") from None
    sys.stderr.write(f"{rows} rows are known of {options.id}.\n")
    return 0


async def _write_rows(store: Store, user_id: str, out: IO[str]) -> int:
    rows = 0
    async for table, row in store.people.export(user_id):
        out.write(json.dumps({"table": table, **row}, ensure_ascii=False) + "\n")
        rows += 1
    return rows


def _erase(options: Namespace, _free_port: FreePort) -> int:
    from fastagency_backend.assembly import wipe

    settings = load_settings()
    if not options.yes:
        raise FastAgencyError(f"This cannot be taken back. To erase {options.id}, repeat the command with --yes.")
    erased = with_store(lambda store: store.people.erase(options.id, time.time()), settings)
    for table, rows in erased.rows.items():
        if rows:
            sys.stdout.write(f"{rows} rows of {table}\n")
    sys.stdout.write(f"{options.id} is erased, with {erased.runs} conversations. {wipe(settings)}\n")
    return 0


def _add_export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the id of the user")
    parser.add_argument("file", metavar="FILE", type=Path, nargs="?", help="default: written to the screen")


def _add_erase_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the id of the user")
    parser.add_argument("--yes", action="store_true", help="do it")


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


token_command = Command("personal API tokens: add, list, remove", _token, _add_token_arguments)
audit_command = Command("the audit log: verify, list", _audit, _add_audit_arguments)
export_command = Command("write all that is known of a person, as JSON lines", _export, _add_export_arguments)
erase_command = Command("remove all that is known of a person", _erase, _add_erase_arguments)
