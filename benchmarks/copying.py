"""How long `fastagency copy` takes for very many small conversations, and how much memory it needs."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fastagency_backend.store import SqliteStore
from fastagency_backend.store.base import Done, Lease, NewRun, StepRecord
from fastagency_backend.store.dispatch import Offer
from fastagency_backend.store.signals import Deaf
from fastagency_shared.run import RunStatus

from benchmarks.server import machine
from tests.contract.postgres_server import server

AT_ONCE = 500
ENDED_OF_4 = 3


async def fill(path: Path, runs: int) -> None:
    """A file with conversations of six messages, two results, a question and an answer; a quarter waits for it."""
    store = SqliteStore(path, synchronous="OFF")
    await store.open(Deaf())
    await store.dispatcher.offer_workflows([Offer("talk", "Talks")])
    await store.dispatcher.register_worker("filler", 3600)
    for first in range(0, runs, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, runs))
        await asyncio.gather(*(store.create_run(_new(number)) for number in numbers))
        claimed = await store.dispatcher.claim_runs("filler", ["talk"], limit=AT_ONCE)
        await asyncio.gather(*(_drive(store, Lease(run.id, run.fence), int(run.id, 16)) for run in claimed))
    await store.dispatcher.release_worker("filler")
    await store.close()


def _new(number: int) -> NewRun:
    user = f"user-{number % 1000}" if number % 10 else None
    return NewRun(f"{number + 1:032x}", "talk", '{"about": "trains"}', user, "A talk about trains", True, 1e9 + number)


async def _drive(store: SqliteStore, lease: Lease, number: int) -> None:
    for each in range(3):
        store.append_event(
            lease, f"said:{each}", _said("The quick brown fox jumps over the lazy dog. " * 4), 1e9, _noted
        )
    store.append_step(lease, "llm:0", StepRecord(1, json.dumps({"content": "Where to? " * 20})), _noted)
    await store.open_question(lease, "ask:0", f"{number:032x}", _said("Where to?", "text_input"), 1e9)
    if number % 4 >= ENDED_OF_4:
        await store.park_run(lease)
        return
    await store.answer_question(lease.run_id, f"{number:032x}", '"Rome"', _said("Rome", "input_answered"), 1e9, None)
    store.note_answer(lease, f"{number:032x}", 2, _noted)
    store.append_step(lease, "llm:1", StepRecord(3, json.dumps({"content": "A fine place. " * 20})), _noted)
    await store.finish_run(lease, RunStatus.COMPLETED, "Booked", _said("Booked", "workflow_completed"), 1e9)


def _said(text: str, kind: str = "text_message") -> str:
    return json.dumps({"type": kind, "content": {"body": text}})


_noted: Done = lambda _seq, _error: None  # noqa: E731


def copy(source: str, target: str) -> str:
    """Copies in a process of its own; the line that it ends with, its time, and the most memory that it had."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "fastagency", "copy", source, target]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, said
    return f"{time.perf_counter() - began:.0f} s, {used.ru_maxrss / 1024:.0f} MiB, {used.ru_utime:.0f} s of CPU: {said}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    runs = parser.parse_args().runs
    sys.stdout.write(f"{machine()}\n")
    with server(durable=True) as postgres, tempfile.TemporaryDirectory() as folder:
        file, database = f"{folder}/runs.sqlite3", postgres.new_database()
        asyncio.run(fill(Path(file), runs))
        sys.stdout.write(f"{runs:,} conversations, a file of {Path(file).stat().st_size / 2**20:.0f} MiB\n")
        for about, source, target in (
            ("to PostgreSQL", file, database),
            ("again, all known", file, database),
            ("back to a file", database, f"{folder}/back.sqlite3"),
        ):
            sys.stdout.write(f"{about}: {copy(source, target)}")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
