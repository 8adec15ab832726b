"""Two PostgreSQL on one machine as on two hosts: a primary and its standby, which takes the primary's place."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.contract.postgres_server import USER, PostgresServer, programs

DEADLINE_S = 60.0


class Standby(PostgresServer):
    """Follows a primary until it is promoted."""

    def __init__(self, folder: Path, primary: PostgresServer) -> None:
        super().__init__(folder)
        self._primary = primary

    def create(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, USER, USER)
        source = f"host=127.0.0.1 port={self._primary.port} user={USER} application_name=standby"
        self._run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", source)

    def fall_behind(self) -> None:
        """Receive nothing any more, as if the network between the two were cut."""
        self.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.execute("SELECT pg_reload_conf()")
        _wait_for(self, "SELECT count(*) = 0 FROM pg_stat_wal_receiver")

    def promote(self) -> None:
        """Be the primary from now on. Returns when it takes writes."""
        self._run("pg_ctl", "-D", self.data, "-w", "promote")


class TwoHosts:
    """`standby` holds what `primary` has acknowledged; before that if the pair is synchronous, or soon after."""

    def __init__(self, folder: Path) -> None:
        for name in ("primary", "standby"):
            (folder / name).mkdir()
        self.primary = PostgresServer(folder / "primary")
        self.standby = Standby(folder / "standby", self.primary)

    def start(self, *, synchronous: bool) -> None:
        self.primary.create()
        self.primary.start()
        self.standby.create()
        self.standby.start()
        if synchronous:
            self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
            self.primary.execute("SELECT pg_reload_conf()")
        state = "sync" if synchronous else "async"
        _wait_for(self.primary, f"SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = '{state}'")

    def new_database(self) -> str:
        """The URL of an empty database that names both hosts: who connects finds the one that takes writes."""
        name = urlsplit(self.primary.new_database()).path
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self.standby))
        return f"postgresql://{USER}@{hosts}{name}?target_session_attrs=read-write"

    def caught_up(self) -> None:
        """Wait until the standby has all that the primary has."""
        with psycopg.connect(self.primary.url("postgres"), autocommit=True) as db:
            row = db.execute("SELECT pg_current_wal_lsn()").fetchone()
        assert row is not None
        _wait_for(self.standby, f"SELECT pg_last_wal_replay_lsn() >= '{row[0]}'")

    def fail_over(self) -> None:
        """The primary's host is lost at once, and its standby promoted."""
        kill(self.primary)
        self.standby.promote()

    def stop(self) -> None:
        for server in (self.standby, self.primary):
            with suppress(FileNotFoundError):
                kill(server)


def kill(server: PostgresServer) -> None:
    """kill -9, the processes that serve connections included: a host that has lost its power."""
    postmaster = int(Path(server.data, "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{postmaster}/stat").exists() and _state(postmaster) != "Z":
        time.sleep(0.01)


@contextmanager
def two_hosts(*, synchronous: bool) -> Iterator[TwoHosts]:
    """A primary and its standby, both running. Skips where PostgreSQL is missing."""
    programs()
    folder = Path(tempfile.mkdtemp(prefix="fastagency-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, USER, USER)
    pair = TwoHosts(folder)
    try:
        pair.start(synchronous=synchronous)
        yield pair
    finally:
        pair.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def _wait_for(server: PostgresServer, sql: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    with psycopg.connect(server.url("postgres"), autocommit=True) as db:
        while (row := db.execute(sql.encode()).fetchone()) is None or not row[0]:
            assert time.monotonic() < deadline, f"{sql} has not become true: {(server.folder / 'log').read_text()}"
            time.sleep(0.02)
