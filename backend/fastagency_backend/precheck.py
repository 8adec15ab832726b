"""`fastagency replay --check`: which open conversations would today's code break? Asked of a copy of the database."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from fastagency_backend.assembly import archive_for, vault_for
from fastagency_backend.engine.rehearsal import rehearse_all
from fastagency_backend.engine.verdict import Verdict
from fastagency_backend.settings import load_settings
from fastagency_backend.store import SqliteStore
from fastagency_backend.store.signals import Deaf
from fastagency_backend.store.sqlite.backup import back_up
from fastagency_backend.store.transfer import extract
from fastagency_backend.url import Database, SqliteFile
from fastagency_backend.workflow.load import load_workflows

FEW = 200
"""Up to so many conversations one process is as quick as several."""


def precheck(database: Database, target: str, *, ended: bool = False, processes: int | None = None) -> list[Verdict]:
    """The verdict on every open conversation, and with `ended` on the others, by their ids.

    Args:
        target: the workflows, as `module:attribute`.
        processes: how many share the work; by default one for each processor.

    Raises:
        StoreError: the database cannot be copied.
        InvalidSettings: there are no such workflows.
    """
    with tempfile.TemporaryDirectory(prefix="fastagency-replay-") as folder:
        copy = Path(folder) / "copy.sqlite3"
        number = _copy(database, copy, ended=ended)
        shares = 1 if number <= FEW else processes or os.cpu_count() or 1
        if shares == 1:
            verdicts = _share(copy, target, ended, 0, 1)
        else:
            with ProcessPoolExecutor(shares, mp_context=get_context("spawn")) as pool:
                parts = [pool.submit(_share, copy, target, ended, place, shares) for place in range(shares)]
                verdicts = [verdict for part in parts for verdict in part.result()]
    return sorted(verdicts, key=lambda verdict: verdict.run_id)


def report(verdicts: Sequence[Verdict]) -> str:
    """The verdicts for people: each conversation that would break, and what differs, once for those that are alike."""
    lines, explained = [], set()
    for verdict in verdicts:
        if verdict.kind == "ok":
            continue
        lines.append(f"{verdict.run_id} {verdict.workflow}: {verdict.sentence}")
        alike = (verdict.workflow, *verdict.details)
        if alike not in explained:
            explained.add(alike)
            lines += [f"    {detail}" for detail in verdict.details]
    broken = sum(verdict.kind != "ok" for verdict in verdicts)
    lines.append(f"{len(verdicts)} conversations were replayed: {len(verdicts) - broken} go on, {broken} would not.")
    return "\n".join(lines) + "\n"


def report_json(verdicts: Sequence[Verdict]) -> str:
    """The verdicts for programs."""
    kinds = Counter(verdict.kind for verdict in verdicts)
    broken = [asdict(verdict) for verdict in verdicts if verdict.kind != "ok"]
    return json.dumps({"replayed": len(verdicts), "kinds": kinds, "broken": broken}, indent=2) + "\n"


def _share(copy: Path, target: str, ended: bool, place: int, shares: int) -> list[Verdict]:
    return asyncio.run(_rehearse(copy, target, ended=ended, share=(place, shares)))


async def _rehearse(copy: Path, target: str, *, ended: bool, share: tuple[int, int]) -> list[Verdict]:
    specs = load_workflows(target).specs
    vault = vault_for(load_settings())
    store = SqliteStore(copy, synchronous="OFF")
    await store.open(Deaf())
    try:
        return [verdict async for verdict in rehearse_all(store, specs, ended=ended, share=share, vault=vault)]
    finally:
        await store.close()


def _copy(database: Database, copy: Path, *, ended: bool) -> int:
    """Make a file of the database, as it is at one moment; returns how many conversations it has."""
    if not isinstance(database, SqliteFile):
        return extract(archive_for(database), archive_for(SqliteFile(copy)), ended=ended)
    number = back_up(database.path, copy)
    asyncio.run(_migrate(copy))
    return number


async def _migrate(copy: Path) -> None:
    store = SqliteStore(copy, synchronous="OFF")
    await store.open(Deaf())
    await store.close()
