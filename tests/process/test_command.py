"""The command `fastagency` as people use it: real processes, in a folder of their own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastagency_frontend.sign_in.password import hashed
from fastagency_frontend.sign_in.password_file import Entry, PeopleFile

from tests.fakes import page_application
from tests.integration.guide_process import environment

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
ANYWHERE = {"FASTAGENCY_BACKEND_PORT": "0", "FASTAGENCY_FRONTEND_PORT": "0"}


class Command:
    """A command that runs; what it has printed is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def expect(self, pattern: str) -> re.Match[str]:
        """The first line that fits, printed already or still to come."""
        deadline = time.monotonic() + DEADLINE_S
        with self._news:
            while True:
                for line in self.lines:
                    if found := re.search(pattern, line):
                        return found
                assert self._reader.is_alive(), f"it ended without {pattern!r}:\n" + "\n".join(self.lines)
                assert time.monotonic() < deadline, f"no line fits {pattern!r}:\n" + "\n".join(self.lines)
                self._news.wait(1)

    def end(self) -> int:
        """Wait for its end, and for that of all that it started."""
        code = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert not self._reader.is_alive(), "something that it started still runs"
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()


@contextmanager
def fastagency(folder: Path, *arguments: str, **variables: str) -> Iterator[Command]:
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "fastagency", *arguments],
        cwd=folder,
        env=environment(folder, {"PYTHONPATH": str(ROOT), **variables}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        command = Command(process)
        try:
            yield command
        finally:
            if process.poll() is None:
                process.terminate()
            command.end()


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=DEADLINE_S) as reply:
        return str(reply.read(), "utf-8", "replace")


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=DEADLINE_S).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_start_says_where_the_page_is_once_it_works_and_stops_both(server: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FASTAGENCY_TITLE=From the file\n")
    (tmp_path / "json.py").write_text("raise RuntimeError('a file of the folder took the place of a module')")
    with fastagency(tmp_path, "start", "--server", server, **ANYWHERE) as command:
        url = command.expect(r"^FastAgency is at (\S+) ")[1]
        assert "<title>From the file</title>" in fetched(url)
        command.expect(r"^backend  \| .*Uvicorn running")
        command.expect(rf"^frontend \| The page is at {url}")
        command.process.send_signal(signal.SIGINT)
        command.process.send_signal(signal.SIGTERM)  # as `uv run` does, which hands on what has reached us already
        assert command.end() == 0
        command.expect(r"^backend  \| .*The engine has stopped")


def test_with_a_sign_in_both_have_the_key_that_the_first_has_made(tmp_path: Path) -> None:
    with PeopleFile(tmp_path / "fastagency-people.json").changing() as people:
        people["anna"] = Entry(password=hashed("correct horse"))
    with fastagency(tmp_path, "start", FASTAGENCY_SIGN_IN="password", **ANYWHERE) as command:
        page = command.expect(r"^FastAgency is at (\S+) ")[1]
        with httpx.Client(base_url=page, headers={"Origin": page}) as browser:
            form = re.search(r'name="token" value="([^"]+)"', browser.get("/", follow_redirects=True).text)
            assert form is not None
            said = {"token": form[1], "name": "anna", "password": "correct horse", "next": "/"}
            assert browser.post("/sign-in", data=said).status_code == 303
            assert browser.get("/__fastagency__/pulse").json()["changed"]
            assert browser.post("/sign-out").status_code == 303
            assert browser.get("/__fastagency__/pulse").status_code == 401
        assert stat.S_IMODE((tmp_path / "fastagency-page-key.pem").stat().st_mode) == 0o600
        command.process.send_signal(signal.SIGINT)
        assert command.end() == 0
    assert "correct horse" not in "\n".join(command.lines)


def test_a_page_that_sends_people_elsewhere_is_there(tmp_path: Path) -> None:
    """Its provider is not, and nobody has to wait for that."""
    provider = {"FASTAGENCY_OIDC_ISSUER": "https://nowhere.invalid", "FASTAGENCY_OIDC_CLIENT_ID": "page"}
    with fastagency(tmp_path, "start", FASTAGENCY_SIGN_IN="oidc", **provider, **ANYWHERE) as command:
        command.expect("^FastAgency is at ")
        command.process.send_signal(signal.SIGINT)
        assert command.end() == 0


@pytest.mark.fault
@pytest.mark.parametrize(("name", "announced"), [("backend", r"Started server process \[(\d+)\]"),
                                                 ("frontend", r"Listening at: \S+ \((\d+)\)")])  # fmt: skip
def test_when_one_is_killed_the_other_is_stopped(name: str, announced: str, tmp_path: Path) -> None:
    with fastagency(tmp_path, "start", "--server", "gunicorn", **ANYWHERE) as command:
        command.expect("^FastAgency is at ")
        os.kill(int(command.expect(announced)[1]), signal.SIGKILL)
        assert command.end() == 128 + signal.SIGKILL
        command.expect(f"^fastagency: the {name} was killed by signal 9, so everything was stopped.$")


@pytest.mark.fault
@pytest.mark.parametrize("server", ["gunicorn", "waitress"])
def test_when_start_itself_is_killed_nothing_is_left(server: str, tmp_path: Path) -> None:
    with fastagency(tmp_path, "start", "--server", server, **ANYWHERE) as command:
        urls = [command.expect("^FastAgency is at (\\S+) ")[1], command.expect("Uvicorn running on (\\S+)")[1]]
        command.process.kill()
        command.end()
    deadline = time.monotonic() + DEADLINE_S
    while any(map(answers, urls)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.fault
def test_a_terminal_that_is_closed_stops_both(tmp_path: Path) -> None:
    with fastagency(tmp_path, "start", **ANYWHERE) as command:
        command.expect("^FastAgency is at ")
        command.process.send_signal(signal.SIGHUP)
        assert command.end() == 0
        command.expect(r"^backend  \| .*The engine has stopped")


def test_when_one_cannot_start_the_other_is_stopped(tmp_path: Path) -> None:
    with fastagency(tmp_path, "start", FASTAGENCY_WORKFLOWS="nowhere:wf", **ANYWHERE) as command:
        assert command.end() == 1
        command.expect(r"^backend  \| FASTAGENCY_WORKFLOWS=nowhere:wf: there is no module 'nowhere'\.$")
        command.expect("^fastagency: the backend ended with exit code 1, so everything was stopped.$")


def test_run_serves_a_page_at_the_printed_address_until_it_is_stopped(tmp_path: Path) -> None:
    shutil.copy(page_application.__file__, tmp_path / "main.py")
    with fastagency(tmp_path, "run", **ANYWHERE) as command:
        url = command.expect(r"^Desk is at (http://127.0.0.1:\d+) ")[1]
        assert fetched(url) == "page"
        command.process.terminate()
        assert command.end() == 0


@pytest.mark.parametrize(
    ("command", "missing", "said"),
    [
        ("frontend", "mesop", 'The page needs the "mesop" extra: pip install "fastagency[mesop]>=1"'),
        ("frontend", "gunicorn", 'Serving the page with gunicorn needs the "server" extra'),
        ("backend", "uvicorn", 'The backend needs the "server" extra: pip install "fastagency[server]>=1"'),
        ("backend", "fastapi", 'The backend needs the "fastapi" extra: pip install "fastagency[fastapi]>=1"'),
        ("api", "fastapi", 'The API needs the "fastapi" extra: pip install "fastagency[fastapi]>=1"'),
    ],
)
def test_an_extra_that_is_missing_is_named(command: str, missing: str, said: str, tmp_path: Path) -> None:
    (tmp_path / f"{missing}.py").write_text(f"raise ModuleNotFoundError('No module', name={missing!r})")
    with fastagency(tmp_path, command, PYTHONPATH=str(tmp_path), **ANYWHERE) as running:
        assert running.end() == 1
        assert running.lines == [line for line in running.lines if line.startswith(f"fastagency: {said}")]
        assert len(running.lines) == 1


def test_check_asks_a_backend_that_runs(tmp_path: Path) -> None:
    with fastagency(tmp_path, "backend", **ANYWHERE) as backend:
        url = backend.expect(r"Uvicorn running on (\S+)")[1]
        with fastagency(tmp_path, "check", FASTAGENCY_BACKEND_URL=url) as check:
            assert check.end() == 0
            check.expect(f"^fine   backend: {url} answers; its workflows: .*gallery")
            check.expect("^fine   database: .* has 0 conversations")
