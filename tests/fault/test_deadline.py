"""kill -9 around deadlines and in sleeps: of an answer and the deadline one counts, and no time begins anew."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.databases import Database, select
from tests.e2e.process import Process, backend_process

RUNS = 6
TURNS = 8  # as in the workflows
KILLS = 6
LONG_SLEEP_S = 15
SEED = 20261124
DEADLINE_S = 120
CLOCKS_DIFFER_S = 0.05
"""An event has the process's time, what is due the database's, which counts milliseconds."""


class Person(threading.Thread):
    """Answers every second question of every run, a little before its deadline or a little after it."""

    def __init__(self, url: str, runs: list[str]) -> None:
        super().__init__(daemon=True)
        self.replies: dict[str, set[tuple[int, str | None]]] = {}
        self._url, self._runs, self._chance = f"{url}/fastagency", runs, random.Random(SEED)
        self._moments: dict[str, float | None] = {}
        self._finished = threading.Event()

    def run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._finished.wait(0.02):
                for run in self._runs:
                    try:
                        self._look(client, run)
                    except httpx.TransportError:  # it was killed; the answer may have been recorded
                        continue

    def finish(self) -> None:
        self._finished.set()
        self.join()

    def _look(self, client: httpx.Client, run: str) -> None:
        for question in client.get(f"/runs/{run}").raise_for_status().json()["questions"]:
            uuid = question["uuid"]
            if uuid not in self._moments:
                deadline = datetime.fromisoformat(question["content"]["deadline"]).timestamp()
                answers = self._chance.random() < 0.5
                self._moments[uuid] = deadline + self._chance.uniform(-0.3, 0.05) if answers else None
            moment = self._moments[uuid]
            if moment is not None and time.time() >= moment:
                reply = client.post(f"/runs/{run}/answers", json={"question": uuid, "value": f"answer {uuid}"})
                code = reply.json()["code"] if reply.content else None
                self.replies.setdefault(uuid, set()).add((reply.status_code, code))


@pytest.fixture
def backend(tmp_path: Path, either_database: Database) -> Iterator[Process]:
    process = backend_process(
        tmp_path,
        FASTAGENCY_DATABASE=str(either_database),
        FASTAGENCY_WORKFLOWS="tests.fault.deadline:wf",
        FASTAGENCY_LEASE_S="0.5",
        FASTAGENCY_WARM_S="0.5",
        FASTAGENCY_MAX_ATTEMPTS="1000",  # here it is the test that takes the process down
        COVERAGE_PROCESS_START="",
    )
    process.start()
    yield process
    process.kill()


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_deadlines_and_sleeps_survive_kills(backend: Process, either_database: Database) -> None:
    chance = random.Random(SEED)
    with httpx.Client(base_url=f"{backend.url}/fastagency", timeout=60) as client:
        runs = [start(client, number, chance) for number in range(RUNS)]
        sleeper = initiate(client, "sleeper", sleep_s=LONG_SLEEP_S)
        person = Person(backend.url, runs)
        person.start()
        before = recorded(either_database)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.3, 2.0))
            backend.kill()
            before = kept(before, recorded(either_database))
            last_start = time.time()
            backend.start()
        deadline = time.monotonic() + DEADLINE_S
        while not all(client.get(f"/runs/{run}").json()["status"] == "completed" for run in (*runs, sleeper)):
            assert time.monotonic() < deadline, backend.log[-3000:]
            time.sleep(0.2)
        person.finish()
        dues = kept(before, recorded(either_database))
        woken = moment(client.get(f"/runs/{sleeper}/messages").json()["messages"][-1])
        assert woken < last_start + LONG_SLEEP_S, "the sleep began anew with the last process"
        closed = Counter(closing for run in runs for closing in checked(client, run, dues, person.replies))
    print(f"{KILLS} kills, {RUNS * TURNS} questions: {dict(closed)}")
    assert min(closed["input_answered"], closed["question_expired"]) > 0, "the test has tried one of the two only"


def start(client: httpx.Client, number: int, chance: random.Random) -> str:
    name = "on_loop" if number % 2 else "in_thread"
    return initiate(client, name, deadline_s=chance.uniform(1, 2), sleep_s=chance.uniform(1, 2))


def initiate(client: httpx.Client, name: str, **params: float) -> str:
    request = {"workflow_name": name, "params": params}
    run: str = client.post("/initiate_workflow", json=request).raise_for_status().json()["workflow_uuid"]
    return run


def recorded(database: Database) -> dict[tuple[str, str], float]:
    """The moments that were recorded: at which a question's time is over (by its uuid), or a sleep's (by its key)."""
    of = "JOIN run ON " + ("id = run_id" if isinstance(database, Path) else "number = run")
    questions = select(database, f"SELECT id, uuid, question.due FROM question {of}")
    sleeps = select(database, f"SELECT id, key, value FROM step {of} WHERE key LIKE 'sleep:%'")
    return {(run, name): float(due) for run, name, due in (*questions, *sleeps)}


def kept(before: dict[tuple[str, str], float], now: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """What is recorded now; whatever was before is the same."""
    assert now.items() >= before.items(), "a time has begun anew"
    return now


def checked(
    client: httpx.Client,
    run: str,
    dues: dict[tuple[str, str], float],
    replies: dict[str, set[tuple[int, str | None]]],
) -> list[str]:
    """How each question of the run was closed, once it is sure that the log, the result and the replies agree."""
    info = client.get(f"/runs/{run}").json()
    log: list[dict[str, Any]] = client.get(f"/runs/{run}/messages", params={"limit": 500}).json()["messages"]
    questions = [message["uuid"] for message in log if message["type"] == "text_input"]
    closings = [message for message in log if message["type"] in ("input_answered", "question_expired")]
    assert [message["content"]["question"] for message in closings] == questions
    assert len(set(questions)) == TURNS
    assert info["result"] == "; ".join(message["content"]["value"] for message in closings)
    said = [message for message in log if message["type"] == "text_message"]
    assert [m["content"]["body"] for m in said] == [f"{did} {n}" for n in range(TURNS) for did in ("heard", "slept")]
    for turn, closing in enumerate(closings):
        expired = closing["type"] == "question_expired"
        uuid = questions[turn]
        assert closing["content"]["value"] == (f"default {turn}" if expired else f"answer {uuid}")
        allowed = {(409, "QuestionExpired")} if expired else {(204, None), (409, "AlreadyAnswered")}
        assert replies.get(uuid, set()) <= allowed
        early = moment(closing) < dues[run, uuid] - CLOCKS_DIFFER_S
        assert not (expired and early), "it has expired before its time was over"
    ends = sorted(due for (of, name), due in dues.items() if of == run and name not in questions)
    assert len(ends) == TURNS
    for due, woken in zip(ends, said[1::2], strict=True):
        assert moment(woken) >= due - CLOCKS_DIFFER_S
    return [message["type"] for message in closings]


def moment(message: dict[str, Any]) -> float:
    return datetime.fromisoformat(message["at"]).timestamp()
