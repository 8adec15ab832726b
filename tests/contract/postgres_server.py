"""A PostgreSQL of the tests' own: Debian's programs, a free port, a folder that is thrown away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.needed import missing

DEBIAN = Path("/usr/lib/postgresql")
USER = "postgres"


def programs() -> Path:
    """The folder with `initdb` and `pg_ctl`: the newest of Debian's, or that of the PATH. Skips where there is none."""
    found = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        missing("PostgreSQL is not installed: apt-get install postgresql.")
    return found[-1].parent if found else Path(str(on_path)).parent


class PostgresServer:
    """One server, and its databases."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder, self._durable = folder, durable
        self.port = _free_port()
        self._bin = programs()
        self._free: list[str] = []

    def create(self) -> None:
        if os.geteuid() == 0:  # PostgreSQL refuses root
            shutil.chown(self.folder, USER, USER)
        self._run("initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "on" if self._durable else "off",
        }
        text = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        self._run("pg_ctl", "-D", self.data, "-w", "-l", str(self.folder / "log"), "-o", text, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as db:
            db.execute(sql.encode())

    def new_database(self) -> str:
        """The URL of an empty database. To empty one that was used takes a tenth of the time of making one."""
        if not self._free:
            self._free.append(f"t{uuid.uuid4().hex}")
            self.execute(f"CREATE DATABASE {self._free[0]}")
        return self.url(self._free.pop())

    def give_back(self, url: str) -> None:
        """The database is not needed any more; whoever still uses it is thrown out."""
        name = url.rpartition("/")[2]
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        self.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public", name)
        self._free.append(name)

    def _run(self, program: str, *args: str) -> None:
        as_user: Sequence[str] = ("runuser", "-u", USER, "--") if os.geteuid() == 0 else ()
        subprocess.run(
            [*as_user, self._bin / program, *args],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            timeout=60,
        )


@contextmanager
def server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A server that runs. It is fast and forgets what it was given when the machine stops, unless it is `durable`."""
    programs()
    folder = Path(tempfile.mkdtemp(prefix="fastagency-postgres-"))
    started = PostgresServer(folder, durable=durable)
    try:
        started.create()
        started.start()
        try:
            yield started
        finally:
            started.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
