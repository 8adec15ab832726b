"""nginx with a configuration that we ship, in front of real processes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.e2e.process import ROOT, Process, free_port
from tests.needed import missing

SHIPPED = ROOT / "deploy" / "nginx"
START_TIMEOUT_S = 20

AROUND = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/fastagency.conf;
}}
"""
"""What Debian's /etc/nginx/nginx.conf does, for somebody who is not root."""


def find_nginx() -> str:
    """nginx's program; without it the tests are skipped, but in CI they fail."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        missing("The tests of the proxy need nginx: apt-get install nginx-light")
    return found


USER = "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
"""nginx's workers would be somebody else, who cannot look into pytest's folders."""


class Proxy:
    """nginx on a free port; `changes` are made to the shipped text, which must hold what is replaced."""

    def __init__(self, name: str, folder: Path, page: Process, backend: Process, changes: dict[str, str]) -> None:
        self.port = free_port()
        self._folder = folder
        self._program = find_nginx()
        self._process: subprocess.Popen[bytes] | None = None
        text = (SHIPPED / name).read_text(encoding="utf-8")
        here = {
            "listen 8080": f"listen 127.0.0.1:{self.port}",
            "server frontend:8888;": f"server {page.url.removeprefix('http://')};",
            "server backend:8008;": f"server {backend.url.removeprefix('http://')};",
        }
        for shipped, wanted in (changes | here).items():
            assert shipped in text, shipped
            text = text.replace(shipped, wanted)
        self.url = f"{'https' if ' ssl;' in text else 'http'}://127.0.0.1:{self.port}"
        (folder / "fastagency.conf").write_text(text, encoding="utf-8")
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=USER), encoding="utf-8")

    def start(self) -> None:
        command = [self._program, "-p", str(self._folder), "-c", str(self._folder / "nginx.conf"), "-e", "stderr"]
        self._process = subprocess.Popen(command)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._listens():
            assert self._process.poll() is None, (self._folder / "error.log").read_text(encoding="utf-8")
            assert time.monotonic() < deadline, "nginx does not listen"
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
