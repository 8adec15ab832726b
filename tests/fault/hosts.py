"""APIs, workers and people: the processes of many hosts on one database, and what must hold for every run."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastagency_frontend.client import FastAPIProvider
from fastagency_frontend.client.backoff import Patience
from fastagency_shared.errors import AlreadyAnswered, BackendError, StaleCursor, StoreUnavailable
from fastagency_shared.messages import LoggedMessage

from tests.e2e.process import Process, free_port

DEADLINE_S = 90.0
"""Long enough for a machine that does other things too; no verdict depends on it."""
LEASE_S = 1.0
STEPS = 12
ASK_EVERY = 4
HEALTH = "/fastagency/health"


@dataclass(frozen=True)
class Payment:
    run: str
    what: str
    receipt: str
    at: float
    pid: int


class Hosts:
    """Starts processes on one database; `settings` are for all of them."""

    def __init__(self, folder: Path, database: str, **settings: str) -> None:
        self.folder = folder
        self._paid = folder / "paid"
        self._settings = {
            "FASTAGENCY_DATABASE": database,
            "FASTAGENCY_LEASE_S": str(LEASE_S),
            "FASTAGENCY_MAX_ATTEMPTS": "1000",  # here it is the test that takes the processes down
            "FASTAGENCY_WORKFLOWS": "tests.fault.paying:wf",
            "TEST_PAID": str(self._paid),
            "COVERAGE_PROCESS_START": "",  # not measured: the leases are short
            **settings,
        }
        self.processes: list[Process] = []

    def api(self, module: str = "fastagency", **settings: str) -> Process:
        return self._process(module, "api", "BACKEND", settings)

    def worker(self, module: str = "fastagency", **settings: str) -> Process:
        return self._process(module, "worker", "WORKER", settings)

    def start(self, *processes: Process) -> None:
        """All at once; returns when all of them are well."""
        self.processes += processes
        with ThreadPoolExecutor(len(processes)) as threads:
            list(threads.map(Process.start, processes))

    def payments(self) -> list[Payment]:
        lines = self._paid.read_text().splitlines() if self._paid.exists() else []
        return [
            Payment(run, what, receipt, float(at), int(pid)) for run, what, receipt, at, pid in map(str.split, lines)
        ]

    def paid_by(self, pid: int) -> int:
        return sum(payment.pid == pid for payment in self.payments())

    @property
    def logs(self) -> str:
        return "\n".join(process.log[-3000:] for process in self.processes)

    def close(self) -> None:
        for process in self.processes:
            process.kill()

    def _process(self, module: str, command: str, kind: str, settings: dict[str, str]) -> Process:
        port = free_port()
        environment = {**self._settings, f"FASTAGENCY_{kind}_PORT": str(port), **settings}
        return Process(["-m", module, command], HEALTH, environment, self.folder / f"{command}-{port}.log", port)


class Person:
    """Starts a run, follows it through every outage, and answers what is asked, again and again until it counts.

    One who `thinks` answers once `ready` is set.
    """

    def __init__(self, url: str, name: str, *, steps: int = STEPS, thinks: bool = False) -> None:
        self.name, self.steps = name, steps
        self.ready = threading.Event()
        if not thinks:
            self.ready.set()
        self.messages: list[LoggedMessage] = []
        self.refusals = 0
        """How often nothing could be kept at the moment."""
        self._failure: BaseException | None = None
        patience = Patience(give_up_s=DEADLINE_S, cap_s=0.2)
        self.provider = FastAPIProvider(url, patience=patience)
        self.run_id = self._begun()
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()

    @property
    def asked(self) -> bool:
        return any(message.is_question for message in self.messages)

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(DEADLINE_S)
        if self._failure is not None:
            raise self._failure
        assert self.ended, f"{self.name} does not end; last: {self.messages[-3:]}"

    def close(self) -> None:
        self.ready.set()
        self.provider.close()

    def _begun(self) -> str:
        params = {"name": self.name, "steps": self.steps, "ask_every": ASK_EVERY}
        return until(
            lambda: self._tried(lambda: self.provider.start("work", params).workflow_uuid),
            "the run cannot be started",
        )

    def _main(self) -> None:
        try:
            while not self._followed():
                self.messages = []
        except BaseException as error:
            self._failure = error

    def _followed(self) -> bool:
        """Follow to the end. False: the database has failed over, and everything is to be read anew."""
        try:
            for message in self.provider.follow(self.run_id):
                if message is None or message.seq is None:
                    continue
                self.messages.append(message)  # type: ignore[arg-type]
                if message.is_question:
                    self.ready.wait()
                    self._answer(message.uuid)
        except StaleCursor:
            return False
        return True

    def _answer(self, question: str) -> None:
        """One answer, always the same, however often it has to be given."""

        def give() -> bool:
            try:
                self.provider.answer(self.run_id, question, f"answer-{question}")
            except AlreadyAnswered:  # it was recorded, and the reply was lost
                return True
            return True

        until(lambda: self._tried(give), "the answer is not taken")

    def _tried(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except StoreUnavailable:
            self.refusals += 1
        except BackendError:
            pass
        return None


@contextmanager
def people(url: str, count: int, *, name: str = "run", **options: Any) -> Iterator[list[Person]]:
    with ThreadPoolExecutor(count) as threads:
        crowd = list(threads.map(lambda number: Person(url, f"{name}{number}", **options), range(count)))
    try:
        yield crowd
    finally:
        for person in crowd:
            person.close()


def assert_whole(hosts: Hosts, crowd: list[Person], *, again: int = 0) -> int:
    """Every run has ended well, and nothing is missing, doubled or paid for again once it was recorded.

    `again`: how many payments at most may have been cut off before they were recorded. Returns how many were.
    """
    for person in crowd:
        person.join()
    payments = hosts.payments()
    cut_off = 0
    for person in crowd:
        messages = person.messages
        assert [message.seq for message in messages] == list(range(1, len(messages) + 1))
        assert messages == person.provider.messages(person.run_id, limit=500).messages
        assert messages[-1].type == "workflow_completed", messages[-1]
        questions = [message.uuid for message in messages if message.is_question]
        assert len(questions) == len(range(1, person.steps, ASK_EVERY))
        assert Counter(message.type for message in messages)["input_answered"] == len(questions)
        cut_off += _assert_paid(person, questions, [each for each in payments if each.run == person.name])
    assert cut_off <= again, "more payments were repeated than can have been under way"
    return cut_off


def _assert_paid(person: Person, questions: list[str], payments: list[Payment]) -> int:
    """The receipts in the log are those of the last payment of each; returns how many payments have none there."""
    expected = [str(number) for number in range(person.steps)]
    for place, question in reversed(list(enumerate(questions))):
        expected.insert(place * ASK_EVERY + 2, f"answer-{question}")
    shown = [message.body.split() for message in person.messages if message.type == "text_message"]
    assert [what for what, _ in shown] == expected
    last = {payment.what: payment.receipt for payment in payments}
    again = [what for what, receipt in shown if last[what] != receipt]
    assert not again, f"made again after they had been recorded: {[each for each in payments if each.what in again]}"
    return len(payments) - len(last)


def until(condition: Callable[[], Any], sentence: str, *, pause_s: float = 0.02) -> Any:
    """Wait for a condition to become true, and return it."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, sentence
        time.sleep(pause_s)
    return found
