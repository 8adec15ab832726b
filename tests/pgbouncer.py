"""A PgBouncer in transaction mode in front of a PostgreSQL of the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.contract.postgres_server import USER, PostgresServer
from tests.e2e.process import free_port
from tests.needed import missing

START_S = 30.0
DEBIAN = Path("/usr/sbin/pgbouncer")
CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
max_client_conn = 200
default_pool_size = {size}
"""


class PgBouncer:
    """Shares `size` connections to a server, for each database."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, direct: str) -> str:
        """The URL of a database by way of this PgBouncer."""
        return direct.replace(f":{urlsplit(direct).port}/", f":{self.port}/")


@contextmanager
def pgbouncer(server: PostgresServer, *, size: int = 4) -> Iterator[PgBouncer]:
    program = str(DEBIAN) if DEBIAN.exists() else shutil.which("pgbouncer")
    if program is None:
        missing("PgBouncer is not installed: apt-get install pgbouncer.")
    folder = Path(tempfile.mkdtemp(prefix="fastagency-pgbouncer-"))
    port = free_port()
    (folder / "ini").write_text(CONFIGURATION.format(server=server.port, port=port, folder=folder, size=size))
    (folder / "users").write_text(f'"{USER}" ""\n')
    as_user: list[str] = []
    if os.geteuid() == 0:  # it refuses root
        for each in (folder, *folder.iterdir()):
            shutil.chown(each, USER, USER)
        as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*as_user, program, folder / "ini"], stdout=log, stderr=log)
    try:
        _wait_until_it_listens(port, process, folder)
        yield PgBouncer(port)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
